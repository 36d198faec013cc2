using Bramble.Api.Cel;

namespace Bramble.Api.Tests.Cel;

/// <summary>The libraries of Kubernetes' CEL: cases of cel-go's conformance tests and of apiserver's pkg/cel/library.</summary>
public class CelLibraryTests
{
    private static readonly CelEnvironment Nothing = CelEnvironment.ForAnything();
    private static readonly Dictionary<string, object?> None = [];

    [Theory]
    // Lists.
    [InlineData("[1, 2, 3].sum() == 6 && [1.5, 2.5].sum() == 4.0 && [duration('1m'), duration('1s')].sum() == duration('61s')")]
    [InlineData("[3, 1, 2].min() == 1 && ['b', 'a'].max() == 'b' && [1, 2, 2, 3].isSorted() && ![2, 1].isSorted()")]
    [InlineData("[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1")]
    [InlineData("[1, 2].sum() == 3 && [].size() == 0 && [1] + [2] == [1, 2]")]
    // Sets.
    [InlineData("sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 1], [1]) && sets.intersects([1], [1, 2]) && !sets.intersects([1], [2])")]
    // Strings.
    [InlineData("'hello mellow'.indexOf('ello', 2) == 7 && 'hello mellow'.lastIndexOf('ello', 6) == 1")]
    [InlineData("'hello hello'.replace('he', 'we', 1) == 'wello hello' && 'a b c'.split(' ', 2) == ['a', 'b c']")]
    [InlineData("'tacocat'.substring(0, 4) == 'taco' && '  x '.trim() == 'x' && 'TacoCat'.lowerAscii() == 'tacocat'")]
    [InlineData("'tacocat'.charAt(3) == 'o' && ['x', 'y'].join() == 'xy'")]
    [InlineData("'%s has %d at %.2f%%'.format([dyn('a'), 3, 1.5]) == 'a has 3 at 1.50%'")]
    [InlineData("'%s'.format([[dyn(1), 'b', true, null]]) == '[1, \"b\", true, null]' && '%x'.format([255]) == 'ff' && '%b'.format([5]) == '101'")]
    // Regular expressions.
    [InlineData("'abc 123'.find('[0-9]+') == '123' && '1 22 333'.findAll('[0-9]+') == ['1', '22', '333'] && '1 22'.findAll('[0-9]+', 1) == ['1']")]
    [InlineData("'x'.find('y') == ''")]
    // URLs.
    [InlineData("isURL('https://example.com:80/') && !isURL('not a url') && url('https://[::1]:80/p?k=v').getPort() == '80'")]
    [InlineData("url('https://example.com:80/').getHost() == 'example.com:80' && url('https://e.com/a b?x=1&x=2').getQuery() == {'x': ['1', '2']}")]
    [InlineData("url('https://e.com/a b').getEscapedPath() == '/a%20b' && url('https://[::1]:80/').getHostname() == '::1'")]
    // Quantities.
    [InlineData("isQuantity('1.3Gi') && !isQuantity('1,3') && quantity('50k').add(quantity('20k')) == quantity('70k')")]
    [InlineData("quantity('50000000G').isInteger() == true && quantity('50k').asInteger() == 50000 && sign(quantity('-1')) == -1 && quantity('1k').compareTo(quantity('1000')) == 0")]
    [InlineData("quantity('1').sub(1) == quantity('0') && quantity('500m').asApproximateFloat() == 0.5")]
    // Addresses.
    [InlineData("isIP('::1') && !isIP('1.2.3') && ip('192.168.0.1').family() == 4 && ip('::1').isLoopback() && ip('fe80::1').isLinkLocalUnicast()")]
    [InlineData("ip.isCanonical('127.0.0.1') && !ip.isCanonical('2001:DB8::ABCD') && string(ip('2001:db8::abcd')) == '2001:db8::abcd'")]
    [InlineData("cidr('192.168.0.0/24').containsIP('192.168.0.1') && cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16')) && cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')")]
    [InlineData("cidr('::1/128').prefixLength() == 128 && cidr('10.0.0.0/8').ip() == ip('10.0.0.0') && isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0')")]
    // Versions.
    [InlineData("isSemver('1.0.0') && !isSemver('v1.0') && semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.2.3').major() == 1 && semver('v1.0', true).minor() == 0")]
    [InlineData("semver('1.0.0-alpha').compareTo(semver('1.0.0')) == -1 && semver('1.0.0') == semver('1.0.0')")]
    // Named formats.
    [InlineData("!format.dns1123Label().validate('my-label').hasValue() && format.dns1123Label().validate('My_Label').hasValue()")]
    [InlineData("format.named('dns1123Label').hasValue() && !format.named('nonsense').hasValue()")]
    // Optional values.
    [InlineData("optional.of(1).value() == 1 && !optional.none().hasValue() && optional.ofNonZeroValue('').orValue('x') == 'x' && !optional.ofNonZeroValue(timestamp('0001-01-01T00:00:00Z')).hasValue() && optional.none().or(optional.of(2)).value() == 2")]
    [InlineData("{?'a': optional.of(1), ?'b': optional.none()} == {'a': 1} && [?optional.none(), 1] == [1] && [1, 2][?5].orValue(7) == 7")]
    [InlineData("optional.of(1).optMap(x, x + 1).value() == 2 && optional.of([1]).optFlatMap(x, x[?0]).value() == 1")]
    // Two variables.
    [InlineData("[1, 2].all(i, v, v == i + 1) && {'a': 1}.exists(k, v, k == 'a' && v == 1) && [5].existsOne(i, v, i == 0)")]
    [InlineData("[1, 2].transformList(i, v, i * v) == [0, 2] && {'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 2) == {'b': 4}")]
    // Numbers, times and bytes.
    [InlineData("int('5') == 5 && uint(5) == 5u && double('1.5') == 1.5 && string(1.0) == '1' && int(2.9) == 2 && 1 < 1.5 && dyn(1) == dyn(1.0) && 2u > 1")]
    [InlineData("timestamp('2023-01-02T03:04:05Z').getFullYear() == 2023 && timestamp('2023-01-02T03:04:05Z').getMonth() == 0 && timestamp('2023-01-02T03:04:05Z').getHours('+02:00') == 5")]
    [InlineData("duration('90s').getMinutes() == 1 && string(duration('90m')) == '5400s' && timestamp('2023-01-01T00:00:01Z') - timestamp('2023-01-01T00:00:00Z') == duration('1s')")]
    [InlineData("b'abc' + bytes('d') == b'abcd' && size(b'\\xff') == 1 && string(b'ok') == 'ok' && size('\\U0001F600') == 1")]
    [InlineData("type(1) == int && type('') == string && type([]) == list && type(null) == null_type && dyn(1) == 1")]
    [InlineData("jsonpatch.escapeKey('k8s.io/my~label') == 'k8s.io~1my~0label'")]
    public void An_expression_is_true(string expression) => Assert.Equal(true, CelProgram.Compile(expression, CelEnvironment.ForAdmission(hasParams: false, hasAuthorizer: false, hasPatches: true)).Evaluate(None));

    [Theory]
    [InlineData("1 + 'a' == 2", "1:3: found no matching overload for '_+_' applied to '(int, string)'")]
    [InlineData("[1, 2].nonsense()", "1:16: undeclared reference to 'nonsense' (in container '')")]
    [InlineData("'a'.size(1)", "1:9: found no matching overload for 'size' applied to 'string.(int)'")]
    [InlineData("!1", "1:1: found no matching overload for '!_' applied to '(int)'")]
    [InlineData("1 ? 2 : 3", "1:3: found no matching overload for '_?_:_' applied to '(int, int, int)'")]
    [InlineData("true ? 1 : 'a'", "1:6: found no matching overload for '_?_:_' applied to '(bool, int, string)'")]
    [InlineData("1.all(x, true)", "1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)")]
    [InlineData("'a'.matches('[')", "1:13: invalid matches argument")]
    [InlineData("duration('x')", "1:10: invalid duration argument")]
    [InlineData("timestamp('x')", "1:11: invalid timestamp argument")]
    public void What_does_not_fit_is_told(string expression, string fault)
    {
        var message = Assert.Throws<CelSyntaxException>(() => CelProgram.Compile(expression, Nothing)).Message;
        Assert.Equal($"ERROR: <input>:{fault}", message.Split('\n')[0]);
    }

    [Theory]
    [InlineData("[].min() == 1", "min called on empty list")]
    [InlineData("quantity('x') == quantity('1')", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    [InlineData("optional.none().value() == 1", "optional.none() dereference")]
    [InlineData("int('x') == 1", "type conversion error from 'string' to 'int'")]
    [InlineData("5 % 0 == 1", "modulus by zero")]
    [InlineData("'abc'.charAt(10) == ''", "index out of range: 10")]
    [InlineData("{'a': 1}['b'] == 1", "no such key: b")]
    public void What_has_no_value_says_why(string expression, string why) =>
        Assert.Equal(why, Assert.Throws<CelException>(() => CelProgram.Compile(expression, Nothing).Evaluate(None)).Message);
}
