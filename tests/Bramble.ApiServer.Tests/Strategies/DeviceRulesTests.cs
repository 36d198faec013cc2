namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>resource.k8s.io: what upstream's validation says of classes, claims and slices.</summary>
public class DeviceRulesTests
{
    private const string Claims = "resource.k8s.io/v1/resourceclaims";
    private const string Slices = "resource.k8s.io/v1/resourceslices";
    private const string Classes = "resource.k8s.io/v1/deviceclasses";

    private static string Slice(string rest, string nodes = "\"nodeName\":\"n\"") =>
        "{\"spec\":{\"driver\":\"d.example.com\"," + nodes + ",\"pool\":{\"name\":\"p\",\"generation\":1,\"resourceSliceCount\":1}" + rest + "}}";

    private static string Device(string rest) => Slice(",\"devices\":[{\"name\":\"gpu\"" + rest + "}]");

    private const string NotALabel =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

    public static TheoryData<string, string, string, string[]> Creates => new()
    {
        { "alternatives have unique names", Claims, """{"spec":{"devices":{"requests":[{"name":"r","firstAvailable":[{"name":"a","deviceClassName":"c"},{"name":"a","deviceClassName":"c"}]}]}}}""",
            ["spec.devices.requests[0].firstAvailable[1]: Duplicate value: \"a\""] },
        { "one of two kinds of request", Claims, """{"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"c"},"firstAvailable":[{"name":"a","deviceClassName":"c"}]}]}}}""",
            ["spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"] },
        { "a constraint may name an alternative", Claims,
            """{"spec":{"devices":{"requests":[{"name":"r","firstAvailable":[{"name":"a","deviceClassName":"c"}]}],"constraints":[{"requests":["r/a","r/b"],"matchAttribute":"x.example.com/m"}]}}}""",
            ["spec.devices.constraints[0].requests[1]: Invalid value: \"r/b\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"] },
        { "a constraint needs an attribute", Claims, """{"spec":{"devices":{"constraints":[{}]}}}""",
            ["spec.devices.constraints[0]: Required value: exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set"] },
        { "tolerations", Claims, """{"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"c","tolerations":[{"key":"k","operator":"Exists","value":"v"},{"operator":"X","effect":"Y"}]}}]}}}""",
            ["spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: \"v\": must be empty for operator `Exists`",
             "spec.devices.requests[0].exactly.tolerations[1].operator: Unsupported value: \"X\": supported values: \"Equal\", \"Exists\"",
             "spec.devices.requests[0].exactly.tolerations[1].effect: Unsupported value: \"Y\": supported values: \"NoExecute\", \"NoSchedule\", \"None\""] },
        { "access for administrators needs a namespace marked for it", Claims, """{"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"c","adminAccess":true}}]}}}""",
            ["spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"] },
        { "a template of a claim has labels and annotations only", "resource.k8s.io/v1/resourceclaimtemplates", """{"spec":{"metadata":{"name":"x","labels":{"a":"b"}},"spec":{"devices":{"requests":[{"name":"r"}]}}}}""",
            ["spec.metadata.name: Forbidden: cannot be set", "spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"] },
        { "parameters of a driver are an object", Classes, """{"spec":{"config":[{"opaque":{"driver":"d"}},{"opaque":{"driver":"","parameters":{}}}]}}""",
            ["spec.config[0].opaque.parameters: Required value", "spec.config[1].opaque.driver: Required value"] },
        { "a slice says how nodes reach it, once", Slices, Slice("", "\"nodeName\":\"n\",\"allNodes\":true"),
            ["spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"] },
        { "a pool", Slices, """{"spec":{"driver":"D_","allNodes":true,"pool":{"name":"","generation":-1,"resourceSliceCount":0}}}""",
            ["spec.driver: Invalid value: \"D_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
             "spec.pool.name: Required value", "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero", "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero"] },
        { "an attribute has one value", Slices, Device(",\"attributes\":{\"a\":{},\"b\":{\"int\":1,\"string\":\"x\"},\"v\":{\"version\":\"1.0\"}}"),
            ["spec.devices[0].attributes[a]: Invalid value: \"\": exactly one value must be specified",
             "spec.devices[0].attributes[b]: Invalid value: {\"IntValue\":1,\"BoolValue\":null,\"StringValue\":\"x\",\"VersionValue\":null,\"IntValues\":null,\"BoolValues\":null,\"StringValues\":null,\"VersionValues\":null}: exactly one value must be specified",
             "spec.devices[0].attributes[v].version: Invalid value: \"1.0\": must be a string compatible with semver.org spec 2.0.0"] },
        { "device names are labels and unique", Slices, Slice(",\"devices\":[{\"name\":\"G\"},{\"name\":\"G\"}]"),
            [$"spec.devices[0].name: Invalid value: \"G\": {NotALabel}", $"spec.devices[1].name: Invalid value: \"G\": {NotALabel}", "spec.devices[1]: Duplicate value: \"G\""] },
        { "a taint has an effect", Slices, Device(",\"taints\":[{\"key\":\"k\",\"effect\":\"\"},{\"key\":\"k\",\"effect\":\"X\"}]"),
            ["spec.devices[0].taints[0].effect: Required value", "spec.devices[0].taints[1].effect: Unsupported value: \"X\": supported values: \"NoExecute\", \"NoSchedule\", \"None\""] },
        { "counters are made by one slice and consumed by another", Slices, Slice(",\"devices\":[{\"name\":\"g\"}],\"sharedCounters\":[{\"name\":\"s\",\"counters\":{}}]"),
            ["spec: Invalid value: \"\": only one of `sharedCounters` or `devices` is allowed", "spec.sharedCounters[0].counters: Required value"] },
        { "binding conditions come in pairs", Slices, Device(",\"bindingConditions\":[\"a\",\"a\"]"),
            ["spec.devices[0].bindingConditions[1]: Duplicate value: \"a\"", "spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions"] },
        { "only a shared device has a request policy", Slices, Device(",\"capacity\":{\"m\":{\"value\":\"1Gi\",\"requestPolicy\":{}}}"),
            ["spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true"] },
        { "a request policy's default is one of its values", Slices, Device(",\"allowMultipleAllocations\":true,\"capacity\":{\"m\":{\"value\":\"4\",\"requestPolicy\":{\"default\":\"3\",\"validValues\":[\"2\",\"1\",\"8\"]}}}"),
            ["spec.devices[0].capacity[m].requestPolicy.validValues[1]: Invalid value: \"1\": values must be sorted in ascending order",
             "spec.devices[0].capacity[m].requestPolicy.validValues[2]: Invalid value: \"8\": option is larger than capacity value: 4",
             "spec.devices[0].capacity[m].requestPolicy.validValues: Invalid value: \"3\": default value is not valid according to the requestPolicy"] },
        { "a range counts in steps from its least", Slices, Device(",\"allowMultipleAllocations\":true,\"capacity\":{\"m\":{\"value\":\"10\",\"requestPolicy\":{\"default\":\"4\",\"validRange\":{\"min\":\"1\",\"max\":\"7\",\"step\":\"2\"}}}}"),
            ["spec.devices[0].capacity[m].requestPolicy.validRange.step: Invalid value: \"4\": value is not a multiple of a given step (2) from (1)"] },
    };

    [Theory]
    [MemberData(nameof(Creates))]
    public void A_create_is_told(string why, string resource, string json, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Create(resource, json));
    }

    [Fact]
    public void Administrators_have_their_namespace()
    {
        var cluster = new FixedReader().With("", "namespaces", """{"metadata":{"name":"ns","labels":{"resource.kubernetes.io/admin-access":"true"}}}""");
        Assert.Empty(Written.Create(Claims, """{"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"c","adminAccess":true}}]}}}""", cluster));
    }

    [Fact]
    public void A_taint_knows_since_when_it_is_there() =>
        Assert.Contains("\"timeAdded\":\"2026-01-02T03:04:05Z\"", Written.Stored(Slices, Device(",\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]")).ToJsonString(), StringComparison.Ordinal);

    private const string Spec = "\"spec\":{\"devices\":{\"requests\":[{\"name\":\"r\",\"exactly\":{\"deviceClassName\":\"c\"}}]}}";
    private const string Result = "{\"request\":\"r\",\"driver\":\"d\",\"pool\":\"p\",\"device\":\"x\"}";

    public static TheoryData<string, string, string, string[]> StatusWrites => new()
    {
        { "nobody reserves what is not allocated", "{}", "{\"reservedFor\":[{\"resource\":\"pods\",\"name\":\"a\",\"uid\":\"\"}]}",
            ["status.reservedFor[0].uid: Required value", "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"] },
        { "results are of the claim's requests", "{}", "{\"allocation\":{\"devices\":{\"results\":[{\"request\":\"q\",\"driver\":\"d\",\"pool\":\"p\",\"device\":\"x\",\"shareID\":\"1\"}]}}}",
            ["status.allocation.devices.results[0].request: Invalid value: \"q\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
             "status.allocation.devices.results[0].shareID: Invalid value: \"1\": error validating uid: invalid UUID length: 1"] },
        { "an allocation never changes", $"{{\"allocation\":{{\"devices\":{{\"results\":[{Result}]}}}}}}", "{\"allocation\":{\"devices\":{\"results\":[]}}}",
            ["status.allocation: Invalid value: {\"Devices\":{\"Results\":null,\"Config\":null},\"NodeSelector\":null,\"AllocationTimestamp\":null}: field is immutable"] },
        { "devices are those that were allocated", $"{{\"allocation\":{{\"devices\":{{\"results\":[{Result}]}}}}}}",
            $"{{\"allocation\":{{\"devices\":{{\"results\":[{Result}]}}}},\"devices\":[{{\"driver\":\"d\",\"pool\":\"p\",\"device\":\"y\",\"networkData\":{{\"ips\":[\"10.0.0.1\"]}}}}]}}",
            ["status.devices[0]: Invalid value: {\"Driver\":\"d\",\"Pool\":\"p\",\"Device\":\"y\",\"ShareID\":\"\"}: must be an allocated device in the claim",
             "status.devices[0].networkData.ips[0]: Invalid value: \"10.0.0.1\": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"] },
        { "devices go with their allocation", $"{{\"allocation\":{{\"devices\":{{\"results\":[{Result}]}}}}}}", "{\"devices\":[{\"driver\":\"d\",\"pool\":\"p\",\"device\":\"x\"}]}", [] },
    };

    [Theory]
    [MemberData(nameof(StatusWrites))]
    public void A_status_write_is_told(string why, string old, string status, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Update(Claims, $"{{{Spec},\"status\":{old}}}", $"{{{Spec},\"status\":{status}}}", "status"));
    }

    [Fact]
    public void What_a_claim_asks_for_never_changes() => Assert.Equal(
        ["spec: Invalid value: {\"Devices\":{\"Requests\":null,\"Constraints\":null,\"Config\":null}}: field is immutable"],
        Written.Update(Claims, $"{{{Spec}}}", "{}"));
}
