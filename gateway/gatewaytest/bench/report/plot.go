package report

import (
	"fmt"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a plot.
const (
	width  = 8 * vg.Inch
	height = 4.6 * vg.Inch
)

// figure is a plot with its place in the report.
type figure struct{ file, title string }

// line is one curve.
type line struct {
	name string
	xys  plotter.XYs
	dash bool
}

// colours tell curves apart, also for who does not see all colours (Okabe and Ito).
var colours = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
	color.RGBA{86, 180, 233, 255}, color.RGBA{0, 0, 0, 255}, color.RGBA{230, 159, 0, 255},
}

// axes says what a plot is drawn over.
type axes struct {
	title, x, y string
	logX, logY  bool
	zero        bool // the vertical axis begins at 0
	ticks       []float64
}

func newPlot(a axes) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = a.title, a.x, a.y
	p.Title.Padding, p.Title.TextStyle.Font.Size = vg.Points(8), vg.Points(13)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding, p.Legend.XOffs, p.Legend.YOffs = vg.Points(2), vg.Points(8), vg.Points(-4)
	p.Legend.ThumbnailWidth = vg.Points(28)
	if a.logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if a.logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if a.ticks != nil {
		var marks plot.ConstantTicks
		for _, v := range a.ticks {
			marks = append(marks, plot.Tick{Value: v, Label: short(v)})
		}
		p.X.Tick.Marker = marks
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid)
	return p
}

// short writes a size as people say it.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + " M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + " k"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// curves draws lines with points.
func curves(file string, a axes, lines []line) error {
	p := newPlot(a)
	top := 0.0
	for i, l := range lines {
		if len(l.xys) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(l.xys)
		if err != nil {
			return err
		}
		line.Width, line.Color = vg.Points(1.8), colours[i%len(colours)]
		if l.dash {
			line.Dashes = plotutil.Dashes(1)
			line.Color = colours[(i-1)%len(colours)]
		}
		points.Shape, points.Color, points.Radius = plotutil.Shape(i), line.Color, vg.Points(3)
		if len(l.xys) > 40 {
			points.Radius = 0
		}
		p.Add(line, points)
		p.Legend.Add(l.name, line, points)
		for _, xy := range l.xys {
			top = max(top, xy.Y)
		}
	}
	if a.zero {
		p.Y.Min = 0
	}
	// Room for the legend above the curves.
	if a.logY {
		p.Y.Max = top * 8
	} else {
		p.Y.Max = top * 1.5
	}
	return save(p, file, height)
}

// bars draws shares as horizontal bars, one group of bars for each system.
func bars(file string, a axes, names []string, groups []string, value func(name, group string) float64) error {
	if len(names) == 0 || len(groups) == 0 {
		return nil
	}
	p := newPlot(a)
	p.Legend.Left, p.Legend.Top, p.Legend.XOffs = false, false, vg.Points(-8)
	p.Legend.YOffs = vg.Points(6)
	thick := vg.Points(14) / vg.Length(max(1, len(groups)))
	for i, g := range groups {
		values := make(plotter.Values, len(names))
		for n := range names {
			values[n] = value(names[n], g)
		}
		b, err := plotter.NewBarChart(values, thick)
		if err != nil {
			return err
		}
		b.Horizontal, b.Color, b.LineStyle.Width = true, colours[i%len(colours)], 0
		b.Offset = thick * vg.Length(len(groups)-1-2*i) / 2
		p.Add(b)
		p.Legend.Add(g, b)
	}
	p.NominalY(names...)
	p.X.Min = 0
	return save(p, file, vg.Points(70+22*float64(len(names))))
}

// save writes an SVG that carries its fonts, so that it looks alike everywhere.
func save(p *plot.Plot, file string, high vg.Length) error {
	p.BackgroundColor = color.White
	c := vgsvg.NewWith(vgsvg.UseWH(width, high))
	p.Draw(draw.New(c))
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := c.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

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
	var rate, latency, floor, peer []line
	var ticks []float64
	for _, p := range e.Points {
		if !slices.Contains(ticks, float64(p.Clients)) {
			ticks = append(ticks, float64(p.Clients))
		}
	}
	for _, s := range systems(e.Points) {
		rate = append(rate, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.Rate.Median })})
		latency = append(latency, line{name: s + ", p50", xys: curve(e.Points, s, func(p Point) float64 { return p.P50.Median })})
		latency = append(latency, line{name: s + ", p99", xys: curve(e.Points, s, func(p Point) float64 { return p.P99.Median }), dash: true})
		floor = append(floor, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.OfFloor.Median })})
		peer = append(peer, line{name: s, xys: curve(e.Points, s, func(p Point) float64 { return p.OfPeer.Median })})
	}
	over := func(title, y string) axes {
		return axes{title: title, x: "clients at once", y: y, logX: true, zero: true, ticks: ticks}
	}
	slow := over("How long an exchange takes", "ms")
	slow.logY, slow.zero = true, false
	return slices.DeleteFunc([]drawing{
		{"throughput.svg", over("Whole exchanges a second", "exchanges/s"), rate},
		{"latency.svg", slow, latency},
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
