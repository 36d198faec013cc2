using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Tests.Output;

public class TextTests
{
    [Fact]
    public void Columns_are_at_least_six_wide_with_three_spaces_between() => Assert.Equal(
        "NAME    READY   AGE\nweb     1/1     5s\nlongy   1/1     10m\n",
        new TextTable().Format([["NAME", "READY", "AGE"], ["web", "1/1", "5s"], ["longy", "1/1", "10m"]]));

    [Fact]
    public void Described_lines_align_with_their_neighbours_only()
    {
        var text = new TabbedText();
        text.Line(0, "Name:\ta");
        text.Line(0, "Namespace:\tb");
        text.Line(0, "Containers:");
        text.Line(1, "Image:\tc");
        Assert.Equal("Name:       a\nNamespace:  b\nContainers:\n  Image:  c\n", text.ToString());
    }

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(119, "119s")]
    [InlineData(125, "2m5s")]
    [InlineData(600, "10m")]
    [InlineData(3 * 3600, "3h")]
    [InlineData((3 * 3600) + 300, "3h5m")]
    [InlineData(50 * 3600, "2d2h")]
    [InlineData(9 * 86400, "9d")]
    [InlineData(800 * 86400, "2y70d")]
    public void Ages_are_short(long seconds, string shown) => Assert.Equal(shown, Bramble.Api.Tables.HumanDuration.Format(TimeSpan.FromSeconds(seconds)));
}
