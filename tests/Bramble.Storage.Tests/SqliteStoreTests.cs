using Bramble.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Storage.Tests;

public sealed class SqliteStoreTests
{
    private static SqliteStore Open(TemporaryFolder folder, TimeProvider? time = null) =>
        SqliteStore.Open(folder.File("bramble.db"), time ?? TimeProvider.System, NullLoggerFactory.Instance);

    private static long BytesOnDisk(TemporaryFolder folder) => Directory.GetFiles(folder.Path).Sum(f => new FileInfo(f).Length);

    [Fact]
    public async Task A_second_server_on_the_same_file_is_refused_with_the_fix()
    {
        using var folder = new TemporaryFolder();
        await using var first = Open(folder);
        await first.PutAsync("/r/a", new byte[10], 0, Durability.Durable, default);
        var refused = Assert.Throws<StoreUnavailableException>(() => Open(folder));
        Assert.Contains("in use by another process", refused.Message);
    }

    [Fact]
    public async Task Lazy_writes_reach_the_disk_after_ten_minutes_and_not_before()
    {
        using var folder = new TemporaryFolder();
        var time = new FakeTimeProvider();
        await using var store = Open(folder, time);
        await store.PutAsync("/r/a", new byte[10], 0, Durability.Durable, default);
        var before = BytesOnDisk(folder);
        for (var i = 0; i < 100; i++) await store.PutAsync($"/r/events/{i}", new byte[100], 0, Durability.Lazy, default);
        Assert.Equal(before, BytesOnDisk(folder));
        time.Advance(TimeSpan.FromMinutes(10));
        // The flush goes through the same queue: a lazy write behind it comes back after it.
        await store.PutAsync("/r/events/last", new byte[1], 0, Durability.Lazy, default);
        Assert.True(BytesOnDisk(folder) > before);
    }

    [Fact]
    public async Task An_hour_of_lease_renewals_writes_less_than_a_tenth_of_a_megabyte()
    {
        using var folder = new TemporaryFolder();
        var time = new FakeTimeProvider();
        await using var store = Open(folder, time);
        var revision = (await store.PutAsync("/registry/leases/kube-node-lease/n", new byte[600], 0, Durability.Durable, default)).Revision;
        var before = BytesOnDisk(folder);
        for (var second = 0; second < 3600; second += 10)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            revision = (await store.PutAsync("/registry/leases/kube-node-lease/n", new byte[600], revision, Durability.Lazy, default)).Revision;
        }
        Assert.InRange(BytesOnDisk(folder) - before, 1, 100_000);
    }

    [Fact]
    public async Task A_full_disk_is_an_error_with_a_fix_loses_nothing_and_ends_when_there_is_room()
    {
        using var folder = new TemporaryFolder();
        var store = Open(folder);
        var acknowledged = new Dictionary<string, long>();
        store.LimitPages(40);
        StoreUnavailableException? full = null;
        for (var i = 0; i < 200 && full is null; i++)
        {
            try
            {
                acknowledged[$"/r/{i}"] = (await store.PutAsync($"/r/{i}", new byte[3000], 0, Durability.Durable, default)).Revision;
            }
            catch (StoreUnavailableException e)
            {
                full = e;
            }
        }
        Assert.Contains("full", full!.Message);
        Assert.Contains("Free some space", full.Message);
        Assert.Equal(acknowledged.Count, (await store.ListAsync("/r/", default)).Entries.Count);
        // Lazy writes go on while the disk is full.
        Assert.True((await store.PutAsync("/r/lazy", new byte[3000], 0, Durability.Lazy, default)).Succeeded);

        store.LimitPages(0);
        var after = await store.PutAsync("/r/after", new byte[3000], 0, Durability.Durable, default);
        Assert.True(after.Revision > acknowledged.Values.Max());
        await store.DisposeAsync();
        await using var again = Open(folder);
        Assert.Equal(acknowledged.Count + 2, (await again.ListAsync("/r/", default)).Entries.Count);
    }

    /// <summary>Fail each growth of the file in turn: whatever was acknowledged is there, whatever was refused is not.</summary>
    [Fact]
    public async Task Wherever_the_disk_becomes_full_acknowledged_and_stored_are_the_same()
    {
        for (var pages = 8; pages < 40; pages += 3)
        {
            using var folder = new TemporaryFolder();
            var store = Open(folder);
            store.LimitPages(pages);
            var acknowledged = new List<string>();
            for (var i = 0; i < 20; i++)
            {
                try
                {
                    await store.PutAsync($"/r/{i:00}", new byte[5000], 0, Durability.Durable, default);
                    acknowledged.Add($"/r/{i:00}");
                }
                catch (StoreUnavailableException)
                {
                    // Expected from some write on; what counts is checked below.
                }
            }
            await store.DisposeAsync();
            await using var again = Open(folder);
            Assert.Equal(acknowledged, (await again.ListAsync("/r/", default)).Entries.Select(e => e.Key));
        }
    }

    [Fact]
    public async Task After_the_stop_writes_say_so()
    {
        using var folder = new TemporaryFolder();
        var store = Open(folder);
        await store.DisposeAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.PutAsync("/r/a", new byte[1], 0, Durability.Durable, default));
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_named_with_the_fix()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.File("bramble.db"), Enumerable.Repeat((byte)'x', 10_000).ToArray());
        Assert.Contains("damaged or no database", Assert.Throws<StoreUnavailableException>(() => Open(folder)).Message);
    }
}
