using Bramble.Api.Cel;

namespace Bramble.Api.Tests.Cel;

/// <summary>What selectors of devices may be and what they cost at most; the numbers are upstream's (dynamic-resource-allocation/cel).</summary>
public class DeviceSelectorTests
{
    private static readonly CelEnvironment Environment = CelEnvironment.ForDevices();

    [Theory]
    [InlineData("true", "bool", 0)]
    [InlineData("1", "int", 0)]
    [InlineData("dyn(true)", "dyn", 1)]
    [InlineData("""device.attributes["no-such-domain"].noSuchAttr.isGreaterThan(quantity("0"))""", "bool", 6)]
    [InlineData("""device.attributes["no-such-domain"]["noSuchAttr"].isGreaterThan(quantity("0"))""", "bool", 6)]
    [InlineData("\"dra.example.com\" in device.attributes", "bool", 3)]
    [InlineData("device.driver == \"\"", "bool", 2)]
    [InlineData("device.driver == \"dra.example.com\"", "bool", 4)]
    [InlineData("""device.attributes["dra.example.com"].name""", "any", 4)]
    [InlineData("""device.attributes["dra.example.com"]["name"]""", "any", 4)]
    [InlineData("""cel.bind(dra, device.attributes["dra.example.com"], dra.name)""", "any", 15)]
    [InlineData("""device.attributes["dra.example.com"].name > 0""", "bool", 5)]
    [InlineData("""device.attributes["dra.example.com"].name == "fish" """, "bool", 5)]
    [InlineData("""device.attributes["dra.example.com"].name.isGreaterThan(semver("0.0.1"))""", "bool", 6)]
    [InlineData("""device.attributes["dra.example.com"].name.isGreaterThan(semver("v0.0.1", true)) && isSemver("v1.0.0", true)""", "bool", 7)]
    [InlineData("""device.capacity["dra.example.com"].name.isGreaterThan(quantity("1Ki"))""", "bool", 6)]
    [InlineData("""!("name" in device.capacity["dra.example.com"]) || device.capacity["dra.example.com"].name.isGreaterThan(quantity("1Ki"))""", "bool", 11)]
    [InlineData("""device.attributes["dra.example.com"].a && device.attributes["dra.example.com"].b && device.attributes["dra.example.com"].c""", "bool", 12)]
    [InlineData("""device.attributes.exists_one(x, x == "dra.example.com")""", "bool", 164)]
    [InlineData("""device.attributes["dra.example.com"].exists_one(x, x == "services")""", "bool", 133)]
    [InlineData("""device.attributes["dra.example.com"].services.split("example").size() >= 2""", "bool", 19)]
    [InlineData("""device.attributes["dra.example.com"].services.matches("[^a]?sym")""", "bool", 18)]
    [InlineData("""device.capacity.exists_one(x, x == "dra.example.com")""", "bool", 164)]
    [InlineData("device.allowMultipleAllocations == true", "bool", 3)]
    [InlineData("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(x, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(y, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(z, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(z2, "
        + "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(z3, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(z4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(z5, int('1'.find('[0-9]*')) < 100)))))))", "bool", 85555551)]
    public void Have_a_type_and_a_cost(string expression, string type, int cost)
    {
        var program = CelProgram.Compile(expression, Environment);
        Assert.Equal(type, program.TypeName);
        Assert.Equal((ulong)cost, program.CostMax(CelEnvironment.Device));
    }

    [Theory]
    [InlineData("""device.attributes["d"].names.exists(x, x > 0)""", "expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)")]
    [InlineData("cel.bind(1, 2, true)", "cel.bind() variable names must be simple identifiers")]
    [InlineData("device.nothing", "undefined field 'nothing'")]
    public void Are_refused(string expression, string why) =>
        Assert.Contains(why, Assert.Throws<CelSyntaxException>(() => CelProgram.Compile(expression, Environment)).Message, StringComparison.Ordinal);
}
