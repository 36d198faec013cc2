using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Nodes;

/// <summary>Pods of nodes that are not there.</summary>
public sealed class PodGarbageTests
{
    [Fact]
    public async Task Every_Pod_of_a_missing_node_is_left_for_40_seconds_also_one_that_comes_late()
    {
        await using var scenario = Start("pod-garbage-collector");
        scenario.Api.Clock = scenario.Time;
        foreach (var name in (string[])["early", "late"])
        {
            await scenario.CreateAsync(Resources.Pods, "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\"},\"spec\":{\"nodeName\":\"ghost\"},\"status\":{\"phase\":\"Running\"}}");
            var lived = await scenario.Time.UntilAsync(2, async () => await scenario.FindAsync(Resources.Pods, name, "d") is null);
            Assert.InRange(lived, TimeSpan.FromSeconds(38), TimeSpan.FromMinutes(10));
        }
    }
}
