using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Admission.Webhooks;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>Changes of bound pods that their node must know or bear, and the second round of a mutating chain.</summary>
public class BoundPodTests
{
    private const string Node = """{"metadata":{"name":"n","labels":{"kubernetes.io/os":"linux"}},"status":{"allocatable":{"cpu":"1","memory":"1Gi"}}}""";
    private const string Windows = """{"metadata":{"name":"n","labels":{"kubernetes.io/os":"windows"}}}""";

    private static string Pod(int generation, string cpu, string rest = "") =>
        "{\"metadata\":{\"name\":\"a\",\"generation\":" + generation + "},\"spec\":{\"nodeName\":\"n\"" + rest + ",\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"" + cpu + "\"}}}]}}";

    [Theory]
    [InlineData("the node can hold it", Node, "900m", "")]
    [InlineData("more than the node has", Node, "2", "pods \"a\" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2000, allocatable: 1000")]
    [InlineData("Linux only", Windows, "900m", "pods \"a\" is forbidden: pod resize is only supported on linux nodes, node \"n\" is \"windows\"")]
    [InlineData("no such node", """{"metadata":{"name":"other"}}""", "900m", "pods \"a\" is forbidden: node \"n\" not found")]
    public async Task A_resize(string why, string node, string cpu, string refusal)
    {
        Assert.NotEmpty(why);
        Assert.Equal(refusal, await Told(new PodResizeValidator(), node, Pod(2, cpu), Pod(1, "100m")));
    }

    [Theory]
    [InlineData(",\"resources\":{\"limits\":{\"cpu\":\"1\"}}", "pods \"a\" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node \"n\"")]
    [InlineData(",\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\",\"resources\":{\"limits\":{\"cpu\":\"2\"}}}]", "")]
    public async Task What_a_node_must_have_declared(string rest, string refusal)
    {
        const string old = ",\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}]";
        Assert.Equal(refusal, await Told(new NodeDeclaredFeatureValidator(), Node, Pod(2, "1", rest), Pod(1, "1", rest.Contains("init", StringComparison.Ordinal) ? old : "")));
    }

    private static async Task<string> Told(IAdmissionPlugin plugin, string node, string json, string old)
    {
        var request = Request(json, old, new FixedReader().With("", "nodes", node));
        Assert.True(plugin.Handles(request));
        try
        {
            await plugin.ValidateAsync(request, default);
            return "";
        }
        catch (StatusException e)
        {
            return e.Message;
        }
    }

    private static AdmissionRequest Request(string json, string? old, FixedReader reader) => new()
    {
        Operation = AdmissionOperation.Update,
        Kind = new("", "v1", "Pod"),
        Resource = new("", "pods"),
        Version = "v1",
        Subresource = "resize",
        Namespace = "ns",
        Name = "a",
        User = new UserInfo("u", []),
        Object = JsonNode.Parse(json)!.AsObject(),
        OldObject = old is null ? null : JsonNode.Parse(old)!.AsObject(),
        Reader = reader,
    };

    [Fact]
    public void Webhooks_that_asked_for_it_are_called_again_after_a_later_change()
    {
        static Webhook Hook(string policy) => new(new JsonObject { ["name"] = "w", ["reinvocationPolicy"] = policy });
        var (first, never, changing) = (Hook("IfNeeded"), Hook("Never"), Hook("IfNeeded"));
        var rounds = new Reinvocation();
        rounds.Enter(null);
        rounds.Called(first, changed: false);
        rounds.Called(never, changed: false);
        rounds.Called(changing, changed: true);
        rounds.Leave([]);
        Assert.True(rounds.IsNeeded);
        rounds.Begin();
        rounds.Enter([]);
        Assert.Equal([true, false, false], [rounds.MayCall(first), rounds.MayCall(never), rounds.MayCall(changing)]);
        // A plugin that changed the object meanwhile lets all of them ask again.
        rounds.Enter(new JsonObject { ["spec"] = new JsonObject { ["a"] = 1 } });
        Assert.True(rounds.MayCall(changing));
    }

    private sealed class Counter : IAdmissionPlugin
    {
        public int Rounds { get; private set; }
        public string Name => "Counter";
        public bool Handles(AdmissionRequest request) => true;

        public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
        {
            if (Rounds++ == 0) request.Reinvocation.Called(new Webhook([]), changed: true);
            return default;
        }
    }

    [Fact]
    public async Task All_plugins_look_again_when_a_webhook_changed_the_object_and_only_once()
    {
        var counter = new Counter();
        await new AdmissionChain([counter]).MutateAsync(Request("{}", null, new FixedReader()), default);
        Assert.Equal(2, counter.Rounds);
    }
}
