using Bramble.Client;
using Bramble.Controllers.ServiceCidrs;
using k8s;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ServiceCidrs;

public sealed class NodePortRepairTests
{
    public static TheoryData<string, string[], string[]> Cases => new()
    {
        { "all is well", [Service("a", """{"nodePort":30001},{"nodePort":30002}"""), Service("b", """{"nodePort":30003},{}""")], [] },
        { "one port for two protocols", [Service("a", """{"nodePort":30001,"protocol":"TCP"},{"nodePort":30001,"protocol":"UDP"}""")], [] },
        { "the second of two with one port", [Service("b", """{"nodePort":30001}"""), Service("a", """{"nodePort":30001}""")], ["b PortAlreadyAllocated: Port 30001 was assigned to multiple services; please recreate service"] },
        { "the port of the health check", [Service("a", """{"nodePort":30001}"""), Service("b", "", 30001)], ["b PortAlreadyAllocated: Port 30001 was assigned to multiple services; please recreate service"] },
        { "outside of the range", [Service("a", """{"nodePort":29999},{"nodePort":30010}""")], ["a PortOutOfRange: Port 29999 is not within the port range 30000-30009; please recreate service", "a PortOutOfRange: Port 30010 is not within the port range 30000-30009; please recreate service"] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Find(string because, string[] services, string[] expected)
    {
        Assert.NotEmpty(because);
        var found = NodePortRepairController.Find(services.Select(s => KubernetesJson.Deserialize<V1Service>(s)), 30000, 30009);
        Assert.Equal(expected, found.Select(f => $"{f.Service.Metadata.Name} {f.Fault.Reason}: {f.Fault.Message}"));
    }

    [Fact]
    public async Task Who_owns_the_Service_is_told_once()
    {
        await using var scenario = Start("system:apiserver");
        foreach (var name in (string[])["a", "b", "c"]) await scenario.CreateAsync(Resources.Services, Service(name, """{"nodePort":30001}"""));
        foreach (var name in (string[])["b", "c"])
            await EventuallyAsync(async () => (await scenario.EventsAsync(name)).SequenceEqual(["PortAlreadyAllocated: Port 30001 was assigned to multiple services; please recreate service"]));
        Assert.Empty(await scenario.EventsAsync("a"));
    }

    private static string Service(string name, string ports, int check = 0) =>
        "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\"},\"spec\":{\"type\":\"NodePort\",\"healthCheckNodePort\":" + check + ",\"ports\":[" + ports + "]}}";
}
