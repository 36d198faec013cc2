using System.Diagnostics;
using System.Globalization;
using System.Text;
using Bramble.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Storage.Tests;

/// <summary>kill -9 in the middle of 16 writers: everything they were told is stored is stored, and no revision is given out twice.</summary>
public sealed class CrashTests
{
    internal const string ChildVariable = "BRAMBLE_STORAGE_CRASH_CHILD";

    [Fact]
    public async Task After_kill_9_every_acknowledged_write_is_there_and_no_revision_comes_twice()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("bramble.db");
        var durable = new Dictionary<string, (long Revision, string Value)>();
        var revisions = new HashSet<long>();
        for (var round = 0; round < 6; round++)
        {
            foreach (var line in await RunAndKillAsync(path, linesMin: 300 + 170 * round))
            {
                var parts = line.Split(' ');
                var revision = long.Parse(parts[1], CultureInfo.InvariantCulture);
                Assert.True(revisions.Add(revision), $"revision {revision} was given out twice (round {round}, {line})");
                if (parts[0] == "durable") durable[parts[2]] = (revision, parts[3]);
            }
            await using var store = SqliteStore.Open(path, TimeProvider.System, NullLoggerFactory.Instance);
            Assert.True(store.CurrentRevision >= revisions.Max());
            foreach (var (key, (revision, value)) in durable)
            {
                var found = await store.FindAsync(key, default);
                Assert.True(found is not null, $"{key} at {revision} is gone (round {round})");
                // The key may have gone on: a write that was stored but not yet told when the kill came.
                Assert.True(found.Value.Revision >= revision, $"{key}: told {revision}, found {found.Value.Revision} (round {round})");
                if (found.Value.Revision == revision) Assert.Equal(value, Encoding.UTF8.GetString(found.Value.Value.Span));
            }
        }
    }

    /// <summary>The child: says each write after it was acknowledged.</summary>
    internal static void WriteUntilKilled(string path)
    {
        var store = SqliteStore.Open(path, TimeProvider.System, NullLoggerFactory.Instance);
        var output = Console.OpenStandardOutput();
        Task.WaitAll([.. Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; ; i++)
            {
                var isLazy = i % 5 == 4;
                var key = isLazy ? $"/r/lazy/{writer}" : $"/r/{writer}/{i % 7}";
                var old = await store.FindAsync(key, default);
                var value = $"{writer}-{i}-{Environment.ProcessId}";
                var result = await store.PutAsync(key, Encoding.UTF8.GetBytes(value), old?.Revision ?? 0, isLazy ? Durability.Lazy : Durability.Durable, default);
                var line = Encoding.UTF8.GetBytes($"{(isLazy ? "lazy" : "durable")} {result.Revision} {key} {value}\n");
                lock (output) output.Write(line);
            }
        }))]);
    }

    private static async Task<List<string>> RunAndKillAsync(string path, int linesMin)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(typeof(CrashTests).Assembly.Location);
        start.Environment[ChildVariable] = path;
        using var child = Process.Start(start)!;
        var lines = new List<string>();
        while (lines.Count < linesMin && await child.StandardOutput.ReadLineAsync() is { } line) lines.Add(line);
        child.Kill();       // SIGKILL
        while (await child.StandardOutput.ReadLineAsync() is { } line) lines.Add(line);
        await child.WaitForExitAsync();
        // The last line may have been cut off in the middle of its write.
        return [.. lines.Where(l => l.Split(' ').Length == 4)];
    }
}
