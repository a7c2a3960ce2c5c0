package dev

const readme = `This is a Sluss development world, made by "gatewayctl certs dev".
None of it may meet real data: one person holds every key.

directory.json            who has which keys and systems; two registrars have
                          countersigned every statement
snapshot.json             the policy, with the approvals of both legal officers;
                          for a gateway that has run nothing yet, delete it and
                          run "gatewayctl certs dev" again to start the chain anew
ca/                       root, systems (client certificates), gateways (server
                          certificates): .pem and .key
gateway/                  gateway.json         configuration: gateway -config gateway/gateway.json
                          tls.pem tls.key      server certificate
                          control.key          signs the gateway's statements
                          release.key          signs what is released
                          checkpoint.key       signs the log's checkpoints (Ed25519)
                          kek                  wraps the keys of the store
                          pins.json            what everybody pins out of band
registrars/1.key 2.key    countersign statements
officers/1.key 2.key      approve policy snapshots
agencies/<agency>/        control.key          signs the agency's statements
agencies/<agency>/<system>/
                          client.json          for the SDK and for gatewayctl
                          tls.pem tls.key      client certificate, its SPIFFE ID inside
                          message.key          signs messages
                          access.key           signs access requests
                          seal.key             opens what is sealed to the system's roles
                          gateways.pem         the authority of the gateway's certificate
                          state/               what the client must not forget

Certificates, statements and approvals end; run the command again to renew what
is due, or with --force to renew all. Keys are kept. To start over, remove the
whole directory.
`

// explain writes the README.
func (w *world) explain() error { return w.write("README", []byte(readme)) }
