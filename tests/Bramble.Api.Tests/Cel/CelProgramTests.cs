using System.Text.Json.Nodes;
using Bramble.Api.Cel;

namespace Bramble.Api.Tests.Cel;

/// <summary>Expressions and their values.</summary>
public class CelProgramTests
{
    private static readonly CelEnvironment Anything = CelEnvironment.ForAnything("self");

    private static readonly Dictionary<string, object?> Variables = new()
    {
        ["self"] = JsonNode.Parse("""{"name":"bad","n":3,"f":1.5,"list":["a","bb"],"items":[{"k":"x","v":1},{"k":"y","v":2}],"labels":{"a":"b","c.d/e":"f"},"nothing":null}"""),
    };

    [Theory]
    [InlineData("self.name != 'bad'", false)]
    [InlineData("self.name == 'bad' && self.n == 3", true)]
    [InlineData("!has(self.gone) || self.gone > 1", true)]
    [InlineData("has(self.name)", true)]
    [InlineData("self.n + 1 < 5 ? self.n * 2 == 6 : false", true)]
    [InlineData("7 / 2 == 3 && 7 % 2 == 1 && -1 < 0", true)]
    [InlineData("self.f > 1 && self.f < 2.0", true)]
    [InlineData("size(self.list) == 2 && 'a' in self.list && !('c' in self.list)", true)]
    [InlineData("self.list.all(i, size(i) < 3)", true)]
    [InlineData("self.items.exists(i, i.k == 'y' && i.v == 2)", true)]
    [InlineData("self.items.map(i, i.v) == [1, 2]", true)]
    [InlineData("self.items.filter(i, i.v > 1).size() == 1", true)]
    [InlineData("self.items.exists_one(i, i.v > 0)", false)]
    [InlineData("'a' in self.labels && self.labels['c.d/e'] == 'f'", true)]
    [InlineData("self.labels.all(k, self.labels[k].size() == 1)", true)]
    [InlineData("self.name.startsWith('b') && self.name.endsWith('d') && self.name.contains('a') && self.name.matches('^b.d$')", true)]
    [InlineData("'length ' + string(self.n) == \"length 3\"", true)]
    [InlineData("'a,b'.split(',').join('-').upperAscii() == 'A-B'", true)]
    [InlineData("self.?gone.hasValue() == false && self.?name.orValue('') == 'bad'", true)]
    [InlineData("quantity('1Gi').isGreaterThan(quantity('500Mi'))", true)]
    [InlineData("duration('1h') > duration('59m')", true)]
    [InlineData("self.nothing == null", true)]
    [InlineData("false && self.gone == 1", false)]
    [InlineData("self.gone == 1 || true", true)]
    [InlineData("{'a': 1}.a == 1", true)]
    [InlineData("r'\\d' == '\\\\d'", true)]
    public void An_expression_has_its_value(string expression, bool expected) => Assert.Equal(expected, CelProgram.Compile(expression, Anything).Evaluate(Variables));

    [Theory]
    [InlineData("self.gone == 1", "no such key: gone")]
    [InlineData("self.name < 1", "no such overload")]
    [InlineData("1 / 0 == 1", "division by zero")]
    [InlineData("9223372036854775807 + 1 > 0", "integer overflow")]
    [InlineData("self.list[5] == ''", "index out of bounds: 5")]
    public void What_has_no_value_says_why(string expression, string why) =>
        Assert.Equal(why, Assert.Throws<CelException>(() => CelProgram.Compile(expression, Anything).Evaluate(Variables)).Message);

    [Theory]
    [InlineData("self.a >")]
    [InlineData("(1")]
    [InlineData("nonsense(1)")]
    [InlineData("'open")]
    [InlineData("a b")]
    public void What_is_no_expression_does_not_compile(string expression) => Assert.Throws<CelSyntaxException>(() => CelProgram.Compile(expression, Anything));

    [Fact]
    public void A_loop_in_a_loop_ends()
    {
        var big = new JsonArray([.. Enumerable.Range(0, 3000).Select(i => (JsonNode)i)]);
        var costs = Assert.Throws<CelException>(() => CelProgram.Compile("l.all(a, l.all(b, a + b >= 0))", CelEnvironment.ForAnything("l")).Evaluate(new Dictionary<string, object?> { ["l"] = big }));
        Assert.Contains("cost limit", costs.Message, StringComparison.Ordinal);
    }
}
