namespace Bramble.Controllers.Tests.Simulation;

/// <summary>All controllers and the scheduler on the real API under random traffic: workloads come, are scaled, get new templates and go, nodes come, fail, are drained
/// and go, the API has bad moments, watches lag and break, and the process is stopped or dies in the middle. One seed is one history, to the byte.
/// <c>BRAMBLE_SEEDS=from-to</c> plays others.</summary>
public sealed class SimulationTests
{
    [Fact]
    public void Whatever_happens_nothing_forbidden_does_and_it_settles_as_it_should()
    {
        var range = (Environment.GetEnvironmentVariable("BRAMBLE_SEEDS") ?? "1-40").Split('-').Select(int.Parse).ToList();
        var failures = new List<string>();
        // On threads of their own: those of the pool are for the tests that run beside this one.
        var next = range[0] - 1;
        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            while (Interlocked.Increment(ref next) is var seed && seed <= range[^1])
            {
                var told = Play(seed);
                if (told.Failure is null) continue;
                lock (failures) failures.Add($"{told.Failure}\n    Replay: BRAMBLE_SEEDS={seed}-{seed}; {told.History}");
            }
        })).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.True(failures.Count == 0, $"{failures.Count} of {range[^1] - range[0] + 1} seeds failed:\n{string.Join('\n', failures.Take(20))}");
    }

    [Fact]
    public void One_seed_is_one_history()
    {
        var (first, second) = (Play(7), Play(7));
        Assert.Equal(first.Failure ?? "", second.Failure ?? "");
        Assert.Equal(first.History, second.History);
    }

    private static (string? Failure, string History) Play(int seed)
    {
        var random = new Random(seed);
        var time = new SimulatedTime();
        var world = new World(seed, random, time);
        try
        {
            new SeededSteps(random, time).Run(world.PlayAsync);
            return (null, world.History);
        }
        catch (Exception e)
        {
            return ($"seed {seed}: {e.Message}{(e is Xunit.Sdk.XunitException or InvalidOperationException ? "" : e.ToString())}", world.History);
        }
    }
}
