using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;

namespace Bramble.Api.Tests.Cel;

/// <summary>Whatever is written, an expression compiles or is refused, and has a value or says why not: nothing else, and soon.</summary>
public class CelRandomTests
{
    private static readonly string[] Pieces =
    [
        "self", ".a", ".b", "[0]", "['a']", "(", ")", "[", "]", "{", "}", ",", ":", "?", ".", "!", "-", "+", "*", "/", "%", "==", "!=", "<", "&&", "||", " in ", "1", "2u", "1.5", "'x'", "b'y'", "true", "null",
        ".all(i, i)", ".map(i, i)", ".exists(", ".filter(i, ", "has(self.a)", ".size()", "size(", ".matches('a+')", "quantity('1')", "duration('1s')", "optional.of(", ".?a", "'%s'.format([", ".orValue(", "r'\\'", "\"\\u0041\"",
        "\\", "\n", "`", "é", "\uD83D", "9223372036854775807", "-9223372036854775808", "0x", "1e999", "Object{", "a.b{c: 1}", ".transformList(i, v, ", "ip('::1')", "url('x')", "//", "\0",
    ];

    private static readonly Dictionary<string, object?> Variables = new() { ["self"] = JsonNode.Parse("""{"a":[1,"x",null,{"b":2.5}],"b":{"a":"a"},"c":true}""") };

    private static void Run(string text)
    {
        try
        {
            CelProgram.Compile(text, CelEnvironment.ForAnything("self")).Evaluate(Variables, new CelBudget(100_000));
        }
        catch (Exception e) when (e is CelSyntaxException or CelException)
        {
            // one of the two answers
        }
    }

    [Fact]
    public void Random_pieces_never_break_it()
    {
        var random = new Random(20260101);
        var text = new StringBuilder();
        for (var i = 0; i < 1000; i++)
        {
            text.Clear();
            for (var n = random.Next(1, 14); n > 0; n--) text.Append(Pieces[random.Next(Pieces.Length)]);
            var shown = text.ToString();
            var watch = Stopwatch.StartNew();
            var failure = Record.Exception(() => Run(shown));
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{shown}: {watch.Elapsed}");
            Assert.True(failure is null, $"{shown}: {failure}");
        }
    }

    [Theory]
    [InlineData("(", ")", 5000)]
    [InlineData("[", "]", 5000)]
    [InlineData("!", "", 20000)]
    [InlineData("-", "", 20000)]
    [InlineData("{'a':", "}", 5000)]
    [InlineData("1+", "", 20000)]
    [InlineData("true?1:", "", 5000)]
    [InlineData("[1].map(i,", ")", 300)]
    public void Depth_is_bounded(string open, string close, int times)
    {
        var watch = Stopwatch.StartNew();
        Run(string.Concat(Enumerable.Repeat(open, times)) + "1" + string.Concat(Enumerable.Repeat(close, times)));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"{watch.Elapsed}");
    }

    [Fact]
    public void A_budget_ends_what_would_not_end()
    {
        var program = CelProgram.Compile("l.all(a, l.all(b, l.all(c, l.all(d, l.all(e, a + b + c + d + e < 1000000)))))".Replace("l.", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]."), CelEnvironment.ForAnything());
        Assert.ThrowsAny<CelException>(() => program.Evaluate(Variables, new CelBudget(10_000)));
    }
}
