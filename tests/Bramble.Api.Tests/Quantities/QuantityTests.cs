using Bramble.Api.Quantities;
using CsCheck;

namespace Bramble.Api.Tests.Quantities;

public sealed class QuantityTests
{
    private static readonly string[] Suffixes = ["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "e3", "e-3"];

    [Theory]
    [InlineData("0", "0")]
    [InlineData("00", "0")]
    [InlineData("100m", "100m")]
    [InlineData("1000m", "1")]
    [InlineData("0.5", "500m")]
    [InlineData(".5", "500m")]
    [InlineData("1.5", "1500m")]
    [InlineData("1.500", "1.500")] // upstream's fast path keeps it
    [InlineData("1500Mi", "1500Mi")]
    [InlineData("1024Ki", "1Mi")]
    [InlineData("1024Mi", "1Gi")]
    [InlineData("1000Ki", "1000Ki")]
    [InlineData("0.5Mi", "512Ki")]
    [InlineData("0.5Ki", "512")]
    [InlineData("1.1Ki", "1126400m")]
    [InlineData("10000", "10k")]
    [InlineData("1e3", "1e3")]
    [InlineData("1000e3", "1e6")]
    [InlineData("12E", "12E")]
    [InlineData("0.0000000001", "1n")] // rounded up: who asks for something gets something
    [InlineData("-1.5Gi", "-1536Mi")]
    [InlineData("+5", "+5")]
    [InlineData("100Ei", "9223372036854775807")] // the cap of binary amounts
    public void Text_is_canonical_as_upstream_writes_it(string text, string canonical) => Assert.Equal(canonical, Quantity.Parse(text).ToString());

    [Theory]
    [InlineData("", Quantity.FormatError)]
    [InlineData("abc", Quantity.FormatError)]
    [InlineData("1 ", Quantity.FormatError)]
    [InlineData("1.2.3", Quantity.FormatError)]
    [InlineData("5MiB", Quantity.FormatError)]
    [InlineData("5mi", Quantity.SuffixError)]
    [InlineData("5KiKi", Quantity.SuffixError)]
    [InlineData("1e", Quantity.SuffixError)]
    [InlineData("1e999999999", Quantity.SuffixError)]
    public void Errors_are_upstreams(string text, string error)
    {
        Assert.False(Quantity.TryParse(text, out _, out var actual));
        Assert.Equal(error, actual);
    }

    [Fact]
    public void A_sum_keeps_the_format_of_its_first_part()
    {
        Assert.Equal("1536Mi", (Quantity.Parse("1Gi") + Quantity.Parse("512Mi")).ToString());
        Assert.Equal("1Gi", (default(Quantity) + Quantity.Parse("1Gi")).ToString());
        Assert.Equal(2, Quantity.Parse("1500m").ToUnits());
        Assert.Equal(1500, Quantity.Parse("1.5").ToMillis());
    }

    [Fact]
    public void Parsing_what_was_printed_gives_the_same_amount() =>
        Gen.Select(Gen.Long, Gen.Int[0, Suffixes.Length - 1].Select(i => Suffixes[i])).Sample((number, suffix) =>
        {
            var quantity = Quantity.Parse(number + suffix);
            // The printed form of a binary amount that is capped is capped again.
            var again = Quantity.Parse(new Quantity(quantity.Nanos, quantity.Format).ToString());
            Assert.Equal(quantity, again);
            Assert.Equal(new Quantity(quantity.Nanos, quantity.Format).ToString(), new Quantity(again.Nanos, again.Format).ToString());
        });

    [Fact]
    public void Any_text_is_parsed_or_refused() => Gen.String.Sample(text => Quantity.TryParse(text, out _, out var error) == (error.Length == 0));
}
