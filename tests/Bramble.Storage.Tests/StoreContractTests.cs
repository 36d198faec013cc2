using System.Text;
using Bramble.Storage.Sqlite;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Storage.Tests;

/// <summary>What every engine does.</summary>
public sealed class StoreContractTests
{
    public static TheoryData<string> Engines => ["memory", "sqlite"];

    private static IStore Open(string engine, TemporaryFolder folder) => engine == "memory"
        ? new MemoryStore()
        : SqliteStore.Open(folder.File("db/bramble.db"), TimeProvider.System, NullLoggerFactory.Instance);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(ReadOnlyMemory<byte> value) => Encoding.UTF8.GetString(value.Span);

    [Theory, MemberData(nameof(Engines))]
    public async Task A_create_needs_absence_and_an_update_needs_the_revision(string engine)
    {
        using var folder = new TemporaryFolder();
        await using var store = Open(engine, folder);
        var created = await store.PutAsync("/registry/a", Bytes("1"), 0, Durability.Durable, default);
        Assert.True(created.Succeeded);
        Assert.Equal(created.Revision, store.CurrentRevision);

        var again = await store.PutAsync("/registry/a", Bytes("2"), 0, Durability.Durable, default);
        Assert.False(again.Succeeded);
        Assert.Equal("1", Text(again.Current!.Value.Value));

        var updated = await store.PutAsync("/registry/a", Bytes("3"), created.Revision, Durability.Lazy, default);
        Assert.True(updated.Succeeded);
        Assert.True(updated.Revision > created.Revision);
        Assert.Equal("3", Text((await store.FindAsync("/registry/a", default))!.Value.Value));

        Assert.False((await store.DeleteAsync("/registry/a", created.Revision, default)).Succeeded);
        Assert.True((await store.DeleteAsync("/registry/a", updated.Revision, default)).Succeeded);
        Assert.Null(await store.FindAsync("/registry/a", default));
        Assert.False((await store.DeleteAsync("/registry/a", 0, default)).Succeeded);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_list_has_the_keys_of_the_prefix_in_order_lazy_ones_among_them(string engine)
    {
        using var folder = new TemporaryFolder();
        await using var store = Open(engine, folder);
        foreach (var key in (string[])["/r/pods/b", "/r/podsx/a", "/r/pods/a/z", "/r/pods/c"])
            await store.PutAsync(key, Bytes(key), 0, key.EndsWith('z') ? Durability.Lazy : Durability.Durable, default);
        var list = await store.ListAsync("/r/pods/", default);
        Assert.Equal(["/r/pods/a/z", "/r/pods/b", "/r/pods/c"], list.Entries.Select(e => e.Key));
        Assert.Equal(store.CurrentRevision, list.Revision);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_watch_tells_every_change_once_in_order_with_what_was_before(string engine)
    {
        using var folder = new TemporaryFolder();
        await using var store = Open(engine, folder);
        var start = store.CurrentRevision;
        var one = await store.PutAsync("/r/a", Bytes("1"), 0, Durability.Durable, default);
        var two = await store.PutAsync("/r/a", Bytes("2"), one.Revision, Durability.Lazy, default);
        await store.DeleteAsync("/r/a", two.Revision, default);

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var seen = new List<string>();
        await foreach (var batch in store.WatchAsync(start, limit.Token))
        {
            seen.AddRange(batch.Select(e => $"{(e.IsCreate ? "create" : e.IsDelete ? "delete" : "update")} {Text(e.Value)} was {Text(e.Previous)}"));
            if (seen.Count >= 3) break;
        }
        Assert.Equal(["create 1 was ", "update 2 was 1", "delete 2 was 2"], seen);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_watch_from_before_the_start_is_compacted(string engine)
    {
        using var folder = new TemporaryFolder();
        await using var store = Open(engine, folder);
        await Assert.ThrowsAsync<StoreCompactedException>(async () =>
        {
            await foreach (var _ in store.WatchAsync(store.CurrentRevision - 1, default)) break;
        });
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_watcher_that_falls_behind_is_told_and_costs_the_writers_nothing(string engine)
    {
        using var folder = new TemporaryFolder();
        await using var store = Open(engine, folder);
        var start = store.CurrentRevision;
        for (var i = 0; i < 2100; i++) await store.PutAsync($"/r/{i}", Bytes("x"), 0, Durability.Lazy, default);
        await Assert.ThrowsAsync<StoreCompactedException>(async () =>
        {
            await foreach (var _ in store.WatchAsync(start, default)) break;
        });
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Of_concurrent_creates_of_one_key_exactly_one_wins_and_every_revision_is_its_own(string engine)
    {
        using var folder = new TemporaryFolder();
        await using var store = Open(engine, folder);
        var results = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
            await store.PutAsync($"/r/{i % 50}", Bytes(i.ToString()), 0, i % 3 == 0 ? Durability.Lazy : Durability.Durable, default))));
        Assert.Equal(50, results.Count(r => r.Succeeded));
        Assert.Equal(50, results.Where(r => r.Succeeded).Select(r => r.Revision).Distinct().Count());
    }

    /// <summary>Every engine equals a dictionary.</summary>
    [Theory, MemberData(nameof(Engines))]
    public void Random_operations_do_what_a_dictionary_does(string engine)
    {
        var operation = Gen.Select(Gen.Int[0, 5], Gen.Int[0, 4], Gen.Int[0, 3], Gen.Bool, Gen.Int[0, 1000]);
        operation.List[1, 40].Sample(
            operations =>
            {
                using var folder = new TemporaryFolder();
                Play(engine, folder, operations).GetAwaiter().GetResult();
            },
            iter: engine == "memory" ? 200 : 25,
            threads: 1);
    }

    private static async Task Play(string engine, TemporaryFolder folder, List<(int Kind, int Key, int Expectation, bool IsLazy, int Value)> operations)
    {
        var model = new SortedDictionary<string, (string Value, long Revision)>(StringComparer.Ordinal);
        var store = Open(engine, folder);
        long highest = store.CurrentRevision;
        foreach (var (kind, keyNumber, expectation, isLazy, value) in operations)
        {
            var key = $"/r/{keyNumber}";
            var known = model.TryGetValue(key, out var there) ? there.Revision : 0;
            var expected = expectation == 0 ? 0 : expectation == 1 ? known + 7 : known;
            if (kind <= 2)
            {
                var result = await store.PutAsync(key, Bytes($"{value}"), expected, isLazy ? Durability.Lazy : Durability.Durable, default);
                Assert.Equal(expected == known, result.Succeeded);
                if (result.Succeeded) model[key] = ($"{value}", result.Revision);
                Check(result, known);
            }
            else if (kind == 3)
            {
                var result = await store.DeleteAsync(key, expected, default);
                Assert.Equal(known != 0 && expected == known, result.Succeeded);
                if (result.Succeeded) model.Remove(key);
                Check(result, known);
            }
            else if (kind == 4)
            {
                var list = await store.ListAsync("/r/", default);
                Assert.Equal(model.Select(m => (m.Key, m.Value.Value, m.Value.Revision)), list.Entries.Select(e => (e.Key, Text(e.Value), e.Revision)));
            }
            else if (engine == "sqlite")
            {
                await store.DisposeAsync();     // a clean stop keeps lazy writes too
                store = Open(engine, folder);
                Assert.True(store.CurrentRevision >= highest);
                highest = store.CurrentRevision;
            }
        }
        await store.DisposeAsync();

        void Check(WriteResult result, long known)
        {
            if (!result.Succeeded)
            {
                Assert.Equal(known, result.Current?.Revision ?? 0);
                return;
            }
            Assert.True(result.Revision > highest, $"revision {result.Revision} after {highest}");
            highest = result.Revision;
        }
    }
}
