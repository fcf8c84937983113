using Spectre.Console.Rendering;

namespace Ferry.Cli.Output;

/// <summary>A line that goes out as it stands: folding it is the terminal's business, so that a name in it can be copied whole.</summary>
internal sealed class WholeLine(string text) : IRenderable
{
    public Measurement Measure(RenderOptions options, int maxWidth) => new(0, maxWidth);

    public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => [new Segment(text), Segment.LineBreak];
}
