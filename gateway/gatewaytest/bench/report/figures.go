package report

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot/plotter"
)

// plot draws everything there is and returns the figures by the part they belong to.
func (r Results) plot(dir string) (map[string][]figure, error) {
	figures := map[string][]figure{}
	draw := func(part, file, title string, err error) error {
		figures[part] = append(figures[part], figure{file, title})
		return err
	}
	at := func(file string) string { return filepath.Join(dir, file) }
	if e := r.Exchange; e != nil {
		for _, f := range e.figures() {
			if err := draw("exchange", f.file, f.axes.title, curves(at(f.file), f.axes, f.lines)); err != nil {
				return nil, err
			}
		}
		if len(e.Profile) > 0 {
			if err := draw("profile", "profile.svg", "Where the gateway's processor time goes", e.plotProfile(at("profile.svg"))); err != nil {
				return nil, err
			}
		}
	}
	if g := r.Growth; g != nil {
		for _, f := range g.figures() {
			if err := draw("growth", f.file, f.axes.title, curves(at(f.file), f.axes, f.lines)); err != nil {
				return nil, err
			}
		}
	}
	if s := r.Soak; s != nil {
		for _, f := range s.figures() {
			if err := draw("soak", f.file, f.axes.title, curves(at(f.file), f.axes, f.lines)); err != nil {
				return nil, err
			}
		}
	}
	return figures, nil
}

// drawing is a plot to be drawn.
type drawing struct {
	file  string
	axes  axes
	lines []line
}

// systems lists the names in points in their order.
func systems(points []Point) []string {
	var names []string
	for _, p := range points {
		if !slices.Contains(names, p.System) {
			names = append(names, p.System)
		}
	}
	return names
}

// curve is a value of one system over the number of clients.
func curve(points []Point, system string, value func(Point) float64) plotter.XYs {
	var xys plotter.XYs
	for _, p := range points {
		if p.System == system && value(p) > 0 {
			xys = append(xys, plotter.XY{X: float64(p.Clients), Y: value(p)})
		}
	}
	return xys
}

func (e *Exchange) figures() []drawing {
	var rate, p50, p99, floor, peer []line
	var ticks []float64
	for _, p := range e.Points {
		if !slices.Contains(ticks, float64(p.Clients)) {
			ticks = append(ticks, float64(p.Clients))
		}
	}
	for _, s := range systems(e.Points) {
		rate = append(rate, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.Rate.Median })})
		p50 = append(p50, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.P50.Median })})
		p99 = append(p99, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.P99.Median })})
		floor = append(floor, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.OfFloor.Median })})
		peer = append(peer, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.OfPeer.Median })})
	}
	over := func(title, y string) axes {
		return axes{title: title, x: "clients at once", y: y, logX: true, zero: true, ticks: ticks}
	}
	slow := func(title string) axes {
		a := over(title, "ms")
		a.logY, a.zero = true, false
		return a
	}
	return slices.DeleteFunc([]drawing{
		{"throughput.svg", over("Whole exchanges a second", "exchanges/s"), rate},
		{"latency-p50.svg", slow("How long an exchange takes: half of them (p50)"), p50},
		{"latency-p99.svg", slow("How long an exchange takes: 99 of 100 (p99)"), p99},
		{"ratio-floor.svg", over("The gateway as a share of the floor", "rate / floor's rate"), floor},
		{"ratio-baseline.svg", over("The gateway beside the baseline", "rate / baseline's rate"), peer},
	}, empty)
}

// empty reports whether there is nothing to draw.
func empty(d drawing) bool {
	return !slices.ContainsFunc(d.lines, func(l line) bool { return len(l.xys) > 0 })
}

func (e *Exchange) plotProfile(file string) error {
	all := map[string]float64{}
	var groups []string
	for _, p := range e.Profile {
		groups = append(groups, p.System)
		for k, v := range p.Share {
			all[k] = max(all[k], v)
		}
	}
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		if all[a] < all[b] {
			return -1
		}
		return 1
	})
	names = slices.DeleteFunc(names, func(n string) bool { return all[n] < 0.01 })
	return bars(file, axes{title: "Where the gateway's processor time goes, by who asked for it", x: "% of the gateway's processor time"}, names, groups,
		func(name, group string) float64 {
			for _, p := range e.Profile {
				if p.System == group {
					return 100 * p.Share[name]
				}
			}
			return 0
		})
}

func (g *Growth) figures() []drawing {
	lines := map[string][]line{}
	stores := map[string]bool{}
	clients := map[int]bool{}
	for _, l := range g.Levels {
		stores[l.Store] = true
		for _, p := range l.Points {
			clients[p.Clients] = true
		}
	}
	var ticks []float64
	for _, l := range g.Levels {
		if !slices.Contains(ticks, float64(l.Entries)) {
			ticks = append(ticks, float64(l.Entries))
		}
	}
	for _, s := range slices.Sorted(maps.Keys(stores)) {
		for _, c := range slices.Sorted(maps.Keys(clients)) {
			lines["rate"] = append(lines["rate"], line{name: fmt.Sprintf("%s, %d clients", s, c), xys: g.curve(s, c, func(p Point) float64 { return p.Rate.Median })})
			lines["p50"] = append(lines["p50"], line{name: fmt.Sprintf("%s, %d clients, p50", s, c), xys: g.curve(s, c, func(p Point) float64 { return p.P50.Median })})
			lines["p50"] = append(lines["p50"], line{name: fmt.Sprintf("%s, %d clients, p99", s, c), dash: true, xys: g.curve(s, c, func(p Point) float64 { return p.P99.Median })})
		}
	}
	over := func(title, y string) axes {
		return axes{title: title, x: "entries in the log", y: y, logX: true, zero: true, ticks: ticks}
	}
	slow := over("How long an exchange takes, by the size of the log", "ms")
	slow.logY, slow.zero = true, false
	return slices.DeleteFunc([]drawing{
		{"growth-throughput.svg", over("Whole exchanges a second, by the size of the log", "exchanges/s"), lines["rate"]},
		{"growth-latency.svg", slow, lines["p50"]},
	}, empty)
}

func (g *Growth) curve(store string, clients int, value func(Point) float64) plotter.XYs {
	var xys plotter.XYs
	for _, l := range g.Levels {
		for _, p := range l.Points {
			if l.Store == store && p.Clients == clients {
				xys = append(xys, plotter.XY{X: float64(l.Entries), Y: value(p)})
			}
		}
	}
	return xys
}

func (s *Soak) figures() []drawing {
	over := func(value func(Sample) float64) plotter.XYs {
		xys := make(plotter.XYs, len(s.Samples))
		for i, m := range s.Samples {
			xys[i] = plotter.XY{X: m.Minute, Y: value(m)}
		}
		return xys
	}
	at := func(title, y string, logY bool) axes {
		return axes{title: title, x: "minutes", y: y, zero: !logY, logY: logY}
	}
	return slices.DeleteFunc([]drawing{
		{"soak-latency.svg", at("Soak: how long an exchange takes, from when it was due", "ms", false), []line{
			{name: "p50", xys: over(func(m Sample) float64 { return m.P50 })}, {name: "p99", xys: over(func(m Sample) float64 { return m.P99 })}}},
		{"soak-rate.svg", at("Soak: exchanges a second", "exchanges/s", false), []line{{name: "rate", xys: over(func(m Sample) float64 { return m.Rate })}}},
		{"soak-resources.svg", at("Soak: what the gateway holds", "MB, goroutines, open files", true), []line{
			{name: "memory, MB", xys: over(func(m Sample) float64 { return m.Memory })},
			{name: "heap, MB", xys: over(func(m Sample) float64 { return m.Heap })},
			{name: "goroutines", xys: over(func(m Sample) float64 { return float64(m.Goroutines) })},
			{name: "open files", xys: over(func(m Sample) float64 { return float64(m.Files) })}}},
	}, empty)
}
