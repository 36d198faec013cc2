using Bramble.Api.Decoding;

namespace Bramble.Api.Tests.Decoding;

/// <summary>What Go's yaml.v2 says of the same text.</summary>
public class YamlErrorsTests
{
    [Theory]
    [InlineData("a: b: c", "yaml: mapping values are not allowed in this context")]
    [InlineData("x: 1\na: b: c", "yaml: line 2: mapping values are not allowed in this context")]
    [InlineData("a: [", "yaml: line 1: did not find expected node content")]
    [InlineData("{unclosed", "yaml: line 1: did not find expected ',' or '}'")]
    [InlineData("a: [b", "yaml: line 1: did not find expected ',' or ']'")]
    [InlineData("\"x", "yaml: found unexpected end of stream")]
    [InlineData("a: 'x\n", "yaml: line 2: found unexpected end of stream")]
    [InlineData("a: *x", "yaml: unknown anchor 'x' referenced")]
    [InlineData("a:\n  - b\n c: d\n", "yaml: line 2: did not find expected key")]
    [InlineData("a:\n\tb: 1\n", "yaml: line 2: found character that cannot start any token")]
    [InlineData("\tx: 1", "yaml: found character that cannot start any token")]
    [InlineData("a: @x", "yaml: found character that cannot start any token")]
    [InlineData("a: 1\n\tb: 2\n", "yaml: line 2: found a tab character that violates indentation")]
    [InlineData("- a\nb: c\n", "yaml: line 1: did not find expected '-' indicator")]
    [InlineData("a: b\n- c\n", "yaml: line 1: did not find expected key")]
    public void Errors_are_in_its_words(string text, string message) =>
        Assert.Equal(message, Assert.Throws<YamlSyntaxException>(() => new YamlReader(text, []).ToJson()).Message);
}
