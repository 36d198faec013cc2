using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client.Events;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Client.Tests.Events;

public sealed class EventRecorderTests
{
    [Fact]
    public async Task While_a_thousand_wait_new_ones_are_dropped()
    {
        var server = new SlowServer();
        var recorder = new EventRecorder(server, "kubelet", "", new FakeTimeProvider(), NullLoggerFactory.Instance);
        recorder.Normal(Pod(0), "Pulled", "m");
        await server.IsAsked.Task;
        for (var i = 1; i <= 1005; i++) recorder.Normal(Pod(i), "Pulled", "m");
        server.Answers.SetResult();
        await recorder.DisposeAsync();
        Assert.Equal(Enumerable.Range(0, 1001).Select(i => $"pod-{i}"), server.Subjects);
    }

    private static EventSubject Pod(int number) => new("v1", "Pod", new NamespacedName("default", $"pod-{number}"), $"{number}", "1");

    private sealed class SlowServer : IKubeClient
    {
        public TaskCompletionSource IsAsked { get; } = new();
        public TaskCompletionSource Answers { get; } = new();
        public List<string> Subjects { get; } = [];

        public async ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
        {
            IsAsked.TrySetResult();
            await Answers.Task;
            Subjects.Add((string)body["involvedObject"]!["name"]!);
            return null!;
        }

        public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) => throw new NotSupportedException();
        public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => throw new NotSupportedException();
        public IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => throw new NotSupportedException();
        public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => throw new NotSupportedException();
        public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) => throw new NotSupportedException();
        public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel) => throw new NotSupportedException();
    }
}
