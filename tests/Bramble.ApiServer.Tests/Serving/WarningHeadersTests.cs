using Bramble.ApiServer.Serving;

namespace Bramble.ApiServer.Tests.Serving;

/// <summary>The header Warning.</summary>
public class WarningHeadersTests
{
    [Fact]
    public void Each_text_is_told_once_quoted_and_never_with_control_characters() =>
        Assert.Equal(["299 - \"a \\\"b\\\" \\\\ é\"", "299 - \"c\""], WarningHeaders.Of(["a \"b\" \\ é", "", "x\ny", "c", "c"]));

    [Fact]
    public void Texts_that_are_too_long_together_are_cut_and_the_last_ones_left_out()
    {
        var texts = Enumerable.Range(10, 30).Select(i => i + new string('x', 400)).ToList();
        var values = WarningHeaders.Of(texts);
        Assert.Equal(16, values.Length);
        Assert.All(values, value => Assert.Equal(256 + "299 - \"\"".Length, value.Length));
    }
}
