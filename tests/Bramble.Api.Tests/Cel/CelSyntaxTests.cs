using Bramble.Api.Cel;

namespace Bramble.Api.Tests.Cel;

/// <summary>What is said of a text that is no CEL: the words of upstream's parser, place by place.</summary>
public class CelSyntaxTests
{
    private const string Start = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

    public static TheoryData<string, string[]> Cases => new()
    {
        { "self.a >", [$"1:9: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "Object{bad(", ["1:11: Syntax error: missing ':' at '('", $"1:12: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "1 + +", [$"1:5: Syntax error: mismatched input '+' expecting {Start}", $"1:6: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "1 + $", ["1:5: Syntax error: token recognition error at: '$'", $"1:6: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "*@a | b", [$"1:1: Syntax error: extraneous input '*' expecting {Start}", "1:2: Syntax error: token recognition error at: '@'", "1:5: Syntax error: token recognition error at: '| '", "1:7: Syntax error: extraneous input 'b' expecting <EOF>"] },
        { "a | b", ["1:3: Syntax error: token recognition error at: '| '", "1:5: Syntax error: extraneous input 'b' expecting <EOF>"] },
        { "-", ["1:2: Syntax error: no viable alternative at input '-'", $"1:2: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "{\"a\": 1}.\"a\"", ["1:10: Syntax error: no viable alternative at input '.\"a\"'"] },
        { "....", ["1:2: Syntax error: no viable alternative at input '..'"] },
        { "foo.", ["1:5: Syntax error: no viable alternative at input '.'"] },
        { "{", ["1:2: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '}', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"] },
        { "{1:305 2:569}", ["1:8: Syntax error: mismatched input '2' expecting {'}', ','}"] },
        { "want.filter(l, !(lin resource.labels))", ["1:22: Syntax error: mismatched input 'resource' expecting ')'", "1:38: Syntax error: extraneous input ')' expecting <EOF>"] },
        { "'a'.format(b.c])", ["1:15: Syntax error: extraneous input ']' expecting ')'"] },
        { "1 + 2\n3 +", [$"2:1: Syntax error: mismatched input '3' expecting <EOF>"] },
        { "\"\\xFh\"", ["1:1: Syntax error: token recognition error at: '\"\\xFh'", "1:6: Syntax error: token recognition error at: '\"'", $"1:7: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "1.all(2, 3)", ["1:7: argument must be a simple name"] },
        { "0xFFFFFFFFFFFFFFFFF", ["1:1: invalid int literal"] },
        { "0xFFFFFFFFFFFFFFFFFu", ["1:1: invalid uint literal"] },
        { "1.99e90000009", ["1:1: invalid double literal"] },
        { "has(a)", ["1:5: invalid argument to has() macro"] },
        { "if", ["1:1: reserved identifier: if"] },
        { "TestAllTypes(){single_int32: 1, single_int64: 2}", ["1:15: Syntax error: mismatched input '{' expecting <EOF>"] },
        { "--", ["1:3: Syntax error: no viable alternative at input '-'", $"1:3: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "?", [$"1:1: Syntax error: mismatched input '?' expecting {Start}", $"1:2: Syntax error: mismatched input '<EOF>' expecting {Start}"] },
        { "ind[a{b}]", ["1:8: Syntax error: mismatched input '}' expecting ':'"] },
        { "(1", ["1:3: Syntax error: missing ')' at '<EOF>'"] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_fault_is_told_as_upstream_tells_it(string text, string[] faults)
    {
        var shown = Assert.Throws<CelSyntaxException>(() => CelProgram.Compile(text, CelEnvironment.ForAnything("a", "foo", "self", "want", "resource"))).Message;
        Assert.Equal(faults, shown.Split('\n').Where(line => line.StartsWith("ERROR: <input>:", StringComparison.Ordinal)).Select(line => line["ERROR: <input>:".Length..]));
    }

    [Fact]
    public void The_line_and_the_place_are_shown() => Assert.Equal(
        "ERROR: <input>:2:5: undeclared reference to 'b' (in container '')\n |  && b\n | ....^",
        Assert.Throws<CelSyntaxException>(() => CelProgram.Compile("a\n\t&& b", CelEnvironment.ForAnything("a"))).Message);
}
