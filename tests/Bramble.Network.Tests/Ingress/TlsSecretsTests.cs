using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Network.Ingress.Tls;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Network.Tests.Ingress;

/// <summary>Certificates follow their Secrets, each by a read and a watch of its own, and a server that refuses is not asked in a tight loop.</summary>
public sealed class TlsSecretsTests
{
    private static readonly NamespacedName Name = new("default", "cert");

    [Fact]
    public async Task A_certificate_comes_changes_and_goes()
    {
        var server = new OneSecret();
        var changed = Channel.CreateUnbounded<bool>();
        await using var secrets = new TlsSecrets(server, () => changed.Writer.TryWrite(true), TimeProvider.System, NullLogger.Instance);
        await secrets.WantAsync(new HashSet<NamespacedName> { Name }, TestContext.Current.CancellationToken);
        await secrets.Read.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        Assert.Null(secrets.Find(Name));
        server.Say(WatchEventType.Added, Secret("one", 5));
        await changed.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Equal("one.example", secrets.Find(Name)!.Names.Single());
        server.Say(WatchEventType.Modified, Secret("two", 6));
        await changed.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Equal("two.example", secrets.Find(Name)!.Names.Single());
        // A broken one changes nothing: the site goes on.
        server.Say(WatchEventType.Modified, new KubeObject(Name, "u", 7, """{"metadata":{"name":"cert"},"data":{"tls.crt":"eA==","tls.key":"eA=="}}"""u8.ToArray()));
        server.Say(WatchEventType.Deleted, Secret("two", 8));
        await changed.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Null(secrets.Find(Name));
        Assert.Equal(["get default/cert", "watch default metadata.name=cert from nothing"], server.Asked);
    }

    [Fact]
    public async Task A_server_that_refuses_is_asked_again_after_a_while()
    {
        var server = new OneSecret { Refusal = new Status(410, "Expired", "too old resource version") };
        var time = new FakeTimeProvider();
        await using var secrets = new TlsSecrets(server, () => { }, time, NullLogger.Instance);
        await secrets.WantAsync(new HashSet<NamespacedName> { Name }, TestContext.Current.CancellationToken);
        await server.Watched(1);
        Assert.Equal(2, server.Asked.Count);
        time.Advance(TimeSpan.FromSeconds(1));
        await server.Watched(2);
        time.Advance(TimeSpan.FromSeconds(2));
        await server.Watched(3);
        Assert.Equal(6, server.Asked.Count);
    }

    private static KubeObject Secret(string name, long version)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}.example", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        string Base64(string text) => Convert.ToBase64String(Encoding.ASCII.GetBytes(text));
        var json = $$"""{"metadata":{"namespace":"default","name":"cert"},"data":{"tls.crt":"{{Base64(made.ExportCertificatePem())}}","tls.key":"{{Base64(key.ExportPkcs8PrivateKeyPem())}}"} }""";
        return new KubeObject(Name, "u", version, Encoding.UTF8.GetBytes(json));
    }

    /// <summary>A server with at most one Secret, which notes what it is asked.</summary>
    private sealed class OneSecret : IKubeClient
    {
        private readonly Channel<WatchEvent> _events = Channel.CreateUnbounded<WatchEvent>();
        private readonly Lock _gate = new();
        private readonly List<string> _asked = [];

        public Status? Refusal { get; init; }

        public IReadOnlyList<string> Asked
        {
            get
            {
                lock (_gate) return [.. _asked];
            }
        }

        public void Say(WatchEventType type, KubeObject secret) => _events.Writer.TryWrite(new WatchEvent(type, secret));

        public async Task Watched(int times)
        {
            for (var i = 0; i < 500 && Asked.Count(a => a.StartsWith("watch", StringComparison.Ordinal)) < times; i++) await Task.Delay(10);
            // Whoever asks in a tight loop does it in this moment.
            await Task.Delay(50);
            Assert.Equal(times, Asked.Count(a => a.StartsWith("watch", StringComparison.Ordinal)));
        }

        public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
        {
            Note($"get {name}");
            return ValueTask.FromResult<KubeObject?>(null);
        }

        public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
        {
            Note($"watch {query.Namespace} {query.FieldSelector} from {query.ResourceVersion ?? "nothing"}");
            if (Refusal is not null) throw new StatusException(Refusal);
            await foreach (var change in _events.Reader.ReadAllAsync(cancel)) yield return change;
        }

        public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => throw new NotSupportedException("a node lists no Secrets");

        public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel) => throw new NotSupportedException();

        private void Note(string asked)
        {
            lock (_gate) _asked.Add(asked);
        }
    }
}
