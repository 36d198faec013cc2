using System.Net;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.ServiceCidrs;
using k8s;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ServiceCidrs;

public sealed class AddressRepairTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);
    private const string Service = """{"metadata":{"name":"s","namespace":"d","creationTimestamp":"2026-07-01T11:00:00Z"},"spec":{"type":"ClusterIP","clusterIPs":["10.43.0.9"]}}""";
    private const string Address = """{"metadata":{"name":"10.43.0.9","creationTimestamp":"2026-07-01T11:00:00Z","labels":{"ipaddress.kubernetes.io/ip-family":"IPv4","ipaddress.kubernetes.io/managed-by":"ipallocator.k8s.io"}},"spec":{"parentRef":{"resource":"services","namespace":"d","name":"s"}}}""";
    private static readonly string Gateway = Address.Replace("\"resource\":\"services\"", "\"group\":\"g.io\",\"resource\":\"gateways\"");
    private static readonly string Other = Address.Replace("\"name\":\"s\"", "\"name\":\"t\"");

    [Theory]
    [InlineData("192.168.0.0/24", "192.168.0.23", true)]
    [InlineData("192.168.0.0/24", "192.168.1.23", false)]
    [InlineData("192.168.0.0/24", "192.168.0.0", false)]
    [InlineData("192.168.0.0/24", "192.168.0.255", false)]
    [InlineData("192.168.0.0/26", "192.168.0.63", false)]
    [InlineData("192.168.0.0/24", "192.168.0.63", true)]
    [InlineData("2001:db2::/64", "2001:db2::ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db2::/64", "2001:db2::", false)]
    [InlineData("2001:db2::/64", "192.168.0.23", false)]
    public void A_range_has_its_first_and_of_IPv4_its_last_address_for_itself(string range, string address, bool holds) =>
        Assert.Equal(holds, ServiceRange.Holds(IPNetwork.Parse(range), IPAddress.Parse(address)));

    public static TheoryData<string, string?, bool, string?, object> OfServices => new()
    {
        { "all is well", Address, true, Service, new AddressAction.Keep() },
        { "nothing stands for it", null, true, null, new AddressAction.Create("ClusterIPNotAllocated", "Cluster IP [IPv4]: 10.43.0.9 is not allocated; repairing") },
        { "outside of every range", Address, false, Service, new AddressAction.Tell("ClusterIPOutOfRange", "Cluster IP [IPv4]: 10.43.0.9 is not within any configured Service CIDR; please recreate service") },
        { "it stands for something else", Gateway, true, null, new AddressAction.Recreate("ClusterIPNotAllocated", "the ClusterIP [IPv4]: 10.43.0.9 for Service d/s has a wrong reference; repairing") },
        { "it stands for a Service that is gone", Other, true, null, new AddressAction.Recreate("ClusterIPNotAllocated", "the ClusterIP [IPv4]: 10.43.0.9 for Service d/s has a wrong reference; repairing") },
        { "two Services have it", Other, true, Service.Replace("\"name\":\"s\"", "\"name\":\"t\""), new AddressAction.Tell("ClusterIPAlreadyAllocated", "Cluster IP [IPv4]:10.43.0.9 was assigned to multiple services; please recreate service") },
        { "its labels are gone", Address.Replace("ipallocator.k8s.io", "me"), true, Service, new AddressAction.Recreate(null, null) },
    };

    [Theory]
    [MemberData(nameof(OfServices))]
    public void Of_a_Service(string because, string? address, bool isInRange, string? referenced, object expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, AddressRepair.OfService(Read<V1Service>(Service), IPAddress.Parse("10.43.0.9"), address is null ? null : Read<V1IPAddress>(address), isInRange, referenced is null ? null : Read<V1Service>(referenced)));
    }

    public static TheoryData<string, string, string?, object> OfAddresses => new()
    {
        { "its Service has it", Address, Service, new AddressAction.Keep() },
        { "somebody else's object", Address.Replace("ipallocator.k8s.io", "gateways.example.com"), null, new AddressAction.Keep() },
        { "it no longer stands for a Service", Gateway, null, new AddressAction.Delete("IPAddressNotAllocated",
            "IPAddress 10.43.0.9 appears to have been modified, not referencing a Service &ParentReference{Group:g.io,Resource:gateways,Namespace:d,Name:s,}: cleaning up") },
        { "its Service may be coming", Address.Replace("11:00:00", "11:59:30"), null, new AddressAction.LookAgain(TimeSpan.FromSeconds(31)) },
        { "its Service never came", Address, null, new AddressAction.Delete("IPAddressNotAllocated", "IPAddress: 10.43.0.9 for Service d/s appears to have leaked: cleaning up") },
        { "its Service has another", Address, Service.Replace("10.43.0.9", "10.43.0.8"), new AddressAction.Delete("IPAddressWrongReference", "IPAddress: 10.43.0.9 for Service d/s has a wrong reference; cleaning up") },
        { "a second creation that is just failing", Address.Replace("11:00:00", "11:59:58"), Service.Replace("10.43.0.9", "10.43.0.8"), new AddressAction.LookAgain(TimeSpan.FromSeconds(5)) },
        { "a name that is becoming an address", Address.Replace("11:00:00", "11:59:30"), Service.Replace("ClusterIP\"", "ExternalName\"").Replace("10.43.0.9", ""), new AddressAction.LookAgain(TimeSpan.FromSeconds(30)) },
    };

    [Theory]
    [MemberData(nameof(OfAddresses))]
    public void Of_an_address(string because, string address, string? service, object expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, AddressRepair.OfAddress(Read<V1IPAddress>(address), service is null ? null : Read<V1Service>(service), Noon));
    }

    [Fact]
    public async Task An_address_that_somebody_deleted_comes_back_and_one_that_leaked_goes()
    {
        await using var scenario = Start("system:apiserver");
        await scenario.CreateAsync(Resources.ServiceCIDRs, """{"metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.43.0.0/16"]}}""");
        await scenario.CreateAsync(Resources.Services, Service);
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.IPAddresses, "10.43.0.9"))?["spec"]!["parentRef"]!["name"] == "s");
        await scenario.Api.DeleteAsync(Resources.IPAddresses, new NamespacedName("", "10.43.0.9"), new DeleteQuery(), default);
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.IPAddresses, "10.43.0.9") is not null);
        await EventuallyAsync(async () => (await scenario.EventsAsync("s")).Count > 0);

        // The test's API dates by the machine's clock.
        scenario.Time.SetUtcNow(DateTimeOffset.UtcNow);
        await scenario.CreateAsync(Resources.IPAddresses, Address.Replace("10.43.0.9", "10.43.0.7").Replace("\"name\":\"s\"", "\"name\":\"never\""));
        await EventuallyAsync(async () =>
        {
            scenario.Time.Advance(TimeSpan.FromSeconds(62));
            return await scenario.FindAsync(Resources.IPAddresses, "10.43.0.7") is null;
        });
    }

    [Fact]
    public async Task A_range_in_use_stays_until_its_last_address_is_gone_and_ten_seconds_more()
    {
        await using var scenario = Start("service-cidrs-controller");
        scenario.Time.SetUtcNow(DateTimeOffset.UtcNow);
        await scenario.CreateAsync(Resources.ServiceCIDRs, """{"metadata":{"name":"more"},"spec":{"cidrs":["10.44.0.0/28"]}}""");
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.ServiceCIDRs, "more"))?["status"]?["conditions"]?[0]?["message"] == "Kubernetes Service CIDR is ready");
        await scenario.CreateAsync(Resources.IPAddresses, Address.Replace("10.43.0.9", "10.44.0.3"));
        await scenario.Api.DeleteAsync(Resources.ServiceCIDRs, new NamespacedName("", "more"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.ServiceCIDRs, "more"))?["status"]?["conditions"]?[0]?["message"]
            == "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR");
        await scenario.Api.DeleteAsync(Resources.IPAddresses, new NamespacedName("", "10.44.0.3"), new DeleteQuery(), default);
        await EventuallyAsync(async () =>
        {
            scenario.Time.Advance(TimeSpan.FromSeconds(11));
            return await scenario.FindAsync(Resources.ServiceCIDRs, "more") is null;
        });
    }

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Model<T>();
}
