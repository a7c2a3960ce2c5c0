package report

import (
	"image/color"
	"os"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/text"
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
	// Many have a font of these metrics (Liberation Sans, Arial, Helvetica); the
	// smaller sizes leave room where another takes its place.
	for _, t := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		t.Font.Variant = "Sans"
	}
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size, p.Legend.TextStyle.Font.Size = vg.Points(11), vg.Points(11), vg.Points(10)
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = vg.Points(9.5), vg.Points(9.5)
	p.X.Label.Padding, p.Y.Label.Padding = vg.Points(4), vg.Points(8)
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
	p.Legend.Top, p.Legend.XOffs, p.Legend.YOffs = false, width*0.52, vg.Points(6) // where the bars are short
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

// save writes an SVG with a margin, into which the labels at the ends of axes reach.
func save(p *plot.Plot, file string, high vg.Length) error {
	p.BackgroundColor = color.White
	c := vgsvg.NewWith(vgsvg.UseWH(width, high))
	p.Draw(draw.Crop(draw.New(c), vg.Points(14), vg.Points(-24), vg.Points(6), vg.Points(-6)))
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
