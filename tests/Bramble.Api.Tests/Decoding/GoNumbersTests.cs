using System.Text.Json.Nodes;
using Bramble.Api.Decoding;

namespace Bramble.Api.Tests.Decoding;

public class GoNumbersTests
{
    [Theory]
    [InlineData("2.0", "2")]
    [InlineData("-2.50", "-2.5")]
    [InlineData("1e3", "1000")]
    [InlineData("0.00001", "0.00001")]
    [InlineData("1E-7", "1e-7")]
    [InlineData("12345678901234567890", "12345678901234567000")]
    [InlineData("1.5e21", "1.5e+21")]
    [InlineData("9223372036854775807", "9223372036854775807")]
    [InlineData("\"2.0\"", "\"2.0\"")]
    public void A_number_is_written_as_Go_writes_it(string json, string expected)
    {
        var tree = JsonNode.Parse($$"""{"n":{{json}},"l":[[{{json}}],{"n":{{json}}}]}""")!.AsObject();
        GoNumbers.Normalize(tree);
        Assert.Equal($$"""{"n":{{expected}},"l":[[{{expected}}],{"n":{{expected}}}]}""", tree.ToJsonString());
    }
}
