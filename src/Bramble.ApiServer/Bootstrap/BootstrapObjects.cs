using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;

namespace Bramble.ApiServer.Bootstrap;

/// <summary>The objects that must exist before anybody acts: system namespaces, roles and bindings, priority classes, flow control, the <c>kubernetes</c> Service, APIServices…
/// <see cref="EnsureAsync"/> makes what is missing and brings up to date what is ours; a start that finds all in place writes nothing.</summary>
/// <param name="client">As <see cref="Authentication.UserInfo.Loopback"/>: nothing here may be refused by RBAC.</param>
/// <param name="events">Tells what is wrong with the range of Services.</param>
public sealed class BootstrapObjects(IKubeClient client, BootstrapConfig config, EventRecorder events, TimeProvider time)
{
    /// <summary>Attempts against somebody who writes the same object at the same time.</summary>
    private const int AttemptsMax = 5;

    private static readonly TimeSpan UpkeepInterval = TimeSpan.FromMinutes(1);

    /// <summary>Upstream's lease lasts an hour and is renewed each ten seconds; nobody needs the latter.</summary>
    private static readonly TimeSpan LeaseRenewal = TimeSpan.FromMinutes(10);

    private bool _isMismatchTold;
    private bool _isNotReadyTold;
    private readonly string _holder = $"{LeaseName(config.HostName)}_{Guid.NewGuid()}";

    public async Task EnsureAsync(CancellationToken cancel)
    {
        var facts = BootstrapFacts.Load();
        // In each list all at once: the writes share the store's group commit.
        await AllAsync(facts.Of(BootstrapFacts.Namespaces), o => CreateIfMissingAsync(BootstrapFacts.Namespaces, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.ClusterRoles), o => ReconcileRoleAsync(BootstrapFacts.ClusterRoles, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.Roles), o => ReconcileRoleAsync(BootstrapFacts.Roles, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.ClusterRoleBindings), o => ReconcileBindingAsync(BootstrapFacts.ClusterRoleBindings, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.RoleBindings), o => ReconcileBindingAsync(BootstrapFacts.RoleBindings, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.PriorityClasses), o => CreateIfMissingAsync(BootstrapFacts.PriorityClasses, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.PriorityLevels), o => EnsureFlowControlAsync(BootstrapFacts.PriorityLevels, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.FlowSchemas), o => EnsureFlowControlAsync(BootstrapFacts.FlowSchemas, o, cancel));
        await AllAsync(facts.Of(BootstrapFacts.ApiServices), o => CreateIfMissingAsync(BootstrapFacts.ApiServices, o, cancel));
        await EnsureServiceCidrAsync(cancel);
        await EnsureKubernetesServiceAsync(cancel);
        await EnsureConfigMapsAsync(cancel);
        await EnsureLeaseAsync(cancel);
    }

    /// <summary>Keeps the range of Services, the <c>kubernetes</c> Service, its endpoints, the day from which tokens' uses are noted and the identity lease as they must be, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(UpkeepInterval, time);
        var renewed = time.GetUtcNow();
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
            {
                await EnsureServiceCidrAsync(cancel);
                await EnsureKubernetesServiceAsync(cancel);
                await EnsureTokenTrackingAsync(cancel);
                if (time.GetUtcNow() - renewed < LeaseRenewal) continue;
                await EnsureLeaseAsync(cancel);
                renewed = time.GetUtcNow();
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // our own stop
        }
    }

    private static Task AllAsync(IEnumerable<JsonObject> objects, Func<JsonObject, Task> ensure) => Task.WhenAll(objects.Select(ensure));

    private static NamespacedName NameOf(JsonObject obj) => new((string?)obj["metadata"]!["namespace"] ?? "", (string)obj["metadata"]!["name"]!);

    /// <returns>True: it was missing and is there now.</returns>
    private async Task<bool> CreateIfMissingAsync(ResourceId resource, JsonObject expected, CancellationToken cancel)
    {
        var name = NameOf(expected);
        if (await client.FindAsync(resource, name, cancel) is not null) return false;
        var status = expected["status"]?.DeepClone();
        expected.Remove("status");
        KubeObject created;
        try
        {
            created = await client.CreateAsync(resource, name, expected, null, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            return false; // another server was faster
        }
        if (status is JsonObject { Count: > 0 } && status["conditions"] is JsonArray conditions) await SetConditionsAsync(resource, created, conditions, cancel);
        return true;
    }

    private async Task SetConditionsAsync(ResourceId resource, KubeObject stored, JsonArray conditions, CancellationToken cancel)
    {
        var tree = stored.ToTree();
        foreach (var condition in conditions.OfType<JsonObject>()) condition["lastTransitionTime"] = KubernetesService.Time(time.GetUtcNow());
        tree["status"] = new JsonObject { ["conditions"] = conditions.DeepClone() };
        try
        {
            await client.UpdateAsync(resource, stored.Name, tree, "status", cancel);
        }
        catch (StatusException e) when (e.IsConflict || e.IsNotFound)
        {
            // whoever changed it meanwhile owns its status now
        }
    }

    private Task ReconcileRoleAsync(ResourceId resource, JsonObject expected, CancellationToken cancel) =>
        ReconcileAsync(resource, expected, existing => (RbacReconciliation.Role(existing, expected), false), cancel);

    private Task ReconcileBindingAsync(ResourceId resource, JsonObject expected, CancellationToken cancel) =>
        ReconcileAsync(resource, expected, existing => (RbacReconciliation.Binding(existing, expected, out var recreate), recreate), cancel);

    /// <summary>Priority levels and flow schemas: the spec is ours as long as the annotation says so.</summary>
    private Task EnsureFlowControlAsync(ResourceId resource, JsonObject expected, CancellationToken cancel) =>
        ReconcileAsync(
            resource,
            expected,
            existing =>
            {
                var mayUpdate = (string?)existing["metadata"]?["annotations"]?["apf.kubernetes.io/autoupdate-spec"] == "true";
                if (!mayUpdate || JsonNode.DeepEquals(existing["spec"], expected["spec"])) return (null, false);
                existing["spec"] = expected["spec"]!.DeepClone();
                return (existing, false);
            },
            cancel);

    /// <param name="decide">Sees the existing tree (its own copy); null: nothing to do; true: delete the old one first.</param>
    private async Task ReconcileAsync(
        ResourceId resource, JsonObject expected, Func<JsonObject, (JsonObject? Write, bool Recreate)> decide, CancellationToken cancel)
    {
        var name = NameOf(expected);
        for (var attempt = 1; ; attempt++)
        {
            if (await client.FindAsync(resource, name, cancel) is not { } existing)
            {
                if (await CreateIfMissingAsync(resource, (JsonObject)expected.DeepClone(), cancel)) return;
                if (attempt >= AttemptsMax) return;
                continue;
            }
            var (write, recreate) = decide(existing.ToTree());
            if (write is null) return;
            try
            {
                if (recreate)
                {
                    await client.DeleteAsync(resource, name, new DeleteQuery(Uid: existing.Uid), cancel);
                    await client.CreateAsync(resource, name, (JsonObject)write.DeepClone(), null, cancel);
                }
                else
                {
                    await client.UpdateAsync(resource, name, write, null, cancel);
                }
                return;
            }
            catch (StatusException e) when (attempt < AttemptsMax && (e.IsConflict || e.IsNotFound || e.IsAlreadyExists))
            {
                // changed meanwhile: look again
            }
        }
    }

    /// <summary>The range of Services is there, ready, and has its second family when the server was given one since. What only a person can mend is told once.</summary>
    internal async Task EnsureServiceCidrAsync(CancellationToken cancel)
    {
        var expected = KubernetesService.ServiceCidr(config);
        await CreateIfMissingAsync(BootstrapFacts.ServiceCidrs, (JsonObject)expected.DeepClone(), cancel);
        if (await client.FindAsync(BootstrapFacts.ServiceCidrs, new("", KubernetesService.Name), cancel) is not { } stored) return;
        var tree = stored.ToTree();
        var (has, wants) = ((JsonArray)tree["spec"]!["cidrs"]!, (JsonArray)expected["spec"]!["cidrs"]!);
        if (has.Count == 1 && wants.Count == 2 && JsonNode.DeepEquals(has[0], wants[0]))
        {
            await AddSecondFamilyAsync(stored, expected, wants, cancel);
            return;
        }
        if (tree["metadata"]?["deletionTimestamp"] is not null) return;
        if (!JsonNode.DeepEquals(has, wants))
        {
            if (!_isMismatchTold) Tell(stored, "KubernetesDefaultServiceCIDRInconsistent", $"The default ServiceCIDR {Text(has)} does not match the controller flag configurations {Text(wants)}");
            _isMismatchTold = true;
            return;
        }
        var ready = (tree["status"]?["conditions"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == "Ready");
        switch ((string?)ready?["status"])
        {
            case "False":
                if (!_isNotReadyTold) Tell(stored, (string?)ready["reason"] ?? "", $"Configuration matches, but {(string?)ready["message"]}");
                _isNotReadyTold = true;
                break;
            case not "True":
                await SetConditionsAsync(BootstrapFacts.ServiceCidrs, stored, KubernetesService.ServiceCidrReady(time.GetUtcNow()), cancel);
                break;
        }
    }

    private async Task AddSecondFamilyAsync(KubeObject stored, JsonObject expected, JsonArray both, CancellationToken cancel)
    {
        try
        {
            await ReconcileAsync(BootstrapFacts.ServiceCidrs, expected, existing => (WithPart(existing, expected, "spec", "cidrs"), false), cancel);
        }
        catch (StatusException e)
        {
            Tell(stored, "KubernetesDefaultServiceCIDRError", $"The default ServiceCIDR can not be upgraded from {both[0]} to dual stack {Text(both)} : {e.Message}");
        }
    }

    private void Tell(KubeObject range, string reason, string message) =>
        events.Warning(new EventSubject(BootstrapFacts.ServiceCidrs.ApiVersion, BootstrapFacts.ServiceCidrs.Kind, range.Name, range.Uid, range.ResourceVersion.ToString(CultureInfo.InvariantCulture)), reason, message);

    private static string Text(JsonArray ranges) => $"[{string.Join(' ', ranges.Select(range => (string?)range))}]";

    private async Task EnsureKubernetesServiceAsync(CancellationToken cancel)
    {
        await CreateIfMissingAsync(BootstrapFacts.Services, KubernetesService.Service(config), cancel);
        await ReconcileAsync(BootstrapFacts.Services, KubernetesService.Service(config), existing => (WithPart(existing, KubernetesService.Service(config), "spec", "ports"), false), cancel);
        await ReconcileAsync(BootstrapFacts.Endpoints, KubernetesService.Endpoints(config), existing => (WithPart(existing, KubernetesService.Endpoints(config), null, "subsets"), false), cancel);
        var slice = KubernetesService.EndpointSlice(config);
        await ReconcileAsync(
            BootstrapFacts.EndpointSlices,
            slice,
            existing => (string?)existing["addressType"] != (string?)slice["addressType"]
                ? (slice, true) // an address type cannot be changed
                : (WithPart(existing, slice, null, "endpoints") ?? WithPart(existing, slice, null, "ports"), false),
            cancel);
    }

    /// <summary>The existing object with one part as expected; null: it is so already.</summary>
    private static JsonObject? WithPart(JsonObject existing, JsonObject expected, string? parent, string part)
    {
        var (from, to) = parent is null ? (expected, existing) : ((JsonObject)expected[parent]!, (JsonObject)existing[parent]!);
        if (JsonNode.DeepEquals(from[part], to[part])) return null;
        to[part] = from[part]!.DeepClone();
        return existing;
    }

    private async Task EnsureConfigMapsAsync(CancellationToken cancel)
    {
        var authentication = new JsonObject { ["client-ca-file"] = Pem(config.Authentication.ClientCa) };
        if (config.Authentication.RequestHeader is { } proxy)
        {
            authentication["requestheader-allowed-names"] = List(proxy.AllowedNames);
            authentication["requestheader-client-ca-file"] = proxy.ClientCaPem.Length > 0 ? proxy.ClientCaPem : Pem(proxy.ClientCa);
            authentication["requestheader-extra-headers-prefix"] = List(proxy.ExtraHeaderPrefixes);
            authentication["requestheader-group-headers"] = List(proxy.GroupHeaders);
            authentication["requestheader-username-headers"] = List(proxy.UsernameHeaders);
        }
        var expected = ConfigMap("extension-apiserver-authentication", authentication);
        await ReconcileAsync(BootstrapFacts.ConfigMaps, expected, existing => (WithPart(existing, expected, null, "data"), false), cancel);
        await EnsureTokenTrackingAsync(cancel);
    }

    /// <summary>Since when uses of tokens kept in Secrets are noted: whoever takes that away, or writes something else than a date, begins anew.</summary>
    internal async Task EnsureTokenTrackingAsync(CancellationToken cancel)
    {
        var today = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        await ReconcileAsync(
            BootstrapFacts.ConfigMaps,
            ConfigMap("kube-apiserver-legacy-service-account-token-tracking", new JsonObject { ["since"] = today }),
            existing =>
            {
                if (existing["data"] is not JsonObject data) existing["data"] = data = [];
                if (DateOnly.TryParseExact((string?)data["since"] ?? "", "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)) return (null, false);
                data["since"] = today;
                return (existing, false);
            },
            cancel);
    }

    private static JsonObject ConfigMap(string name, JsonObject data) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "ConfigMap",
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "kube-system" },
        ["data"] = data,
    };

    private static string Pem(X509Certificate2Collection certificates) => string.Concat(certificates.Select(certificate => certificate.ExportCertificatePem() + "\n"));

    /// <summary>A list as JSON text, which is what the config map holds.</summary>
    private static string List(IReadOnlyList<string> values) => $"[{string.Join(',', values.Select(FieldError.Quote))}]";

    private async Task EnsureLeaseAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        var expected = new JsonObject
        {
            ["apiVersion"] = "coordination.k8s.io/v1",
            ["kind"] = "Lease",
            ["metadata"] = new JsonObject
            {
                ["name"] = LeaseName(config.HostName),
                ["namespace"] = "kube-system",
                ["labels"] = new JsonObject { ["apiserver.kubernetes.io/identity"] = "kube-apiserver", ["kubernetes.io/hostname"] = config.HostName },
                ["annotations"] = new JsonObject { ["kubernetes.io/peer-advertise-address"] = config.Advertise.ToString() },
            },
            ["spec"] = new JsonObject { ["holderIdentity"] = _holder, ["leaseDurationSeconds"] = 3600, ["renewTime"] = now },
        };
        await ReconcileAsync(BootstrapFacts.Leases, expected, existing => (WithPart(existing, expected, null, "spec"), false), cancel);
        await RemoveExpiredLeasesAsync(NameOf(expected), cancel);
    }

    /// <summary>Leases of API servers that are no more, or had another name.</summary>
    private async Task RemoveExpiredLeasesAsync(NamespacedName own, CancellationToken cancel)
    {
        var leases = await client.ListAsync(BootstrapFacts.Leases, new ListQuery(own.Namespace, LabelSelector: "apiserver.kubernetes.io/identity=kube-apiserver"), cancel);
        foreach (var lease in leases.Items.Where(l => l.Name != own && IsExpired(l.ToTree()["spec"], time.GetUtcNow())))
        {
            try
            {
                var seen = lease.ResourceVersion.ToString(CultureInfo.InvariantCulture);
                await client.DeleteAsync(BootstrapFacts.Leases, lease.Name, new DeleteQuery(Uid: lease.Uid, ResourceVersion: seen), cancel);
            }
            catch (StatusException e) when (e.IsConflict)
            {
                // Renewed this moment: its server lives.
            }
        }
    }

    /// <summary>One that does not say until when it is good is no API server's.</summary>
    internal static bool IsExpired(JsonNode? spec, DateTimeOffset now) =>
        spec?["leaseDurationSeconds"] is not { } seconds || !DateTimeOffset.TryParse((string?)spec["renewTime"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var renewed)
        || renewed.AddSeconds((long)seconds) < now;

    /// <summary><c>apiserver-</c> and the lower-case base32 of the first half of the host name's SHA-256.</summary>
    internal static string LeaseName(string hostName)
    {
        const string alphabet = "abcdefghijklmnopqrstuvwxyz234567";
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(hostName)).AsSpan(0, 16);
        var name = new StringBuilder("apiserver-");
        var (bits, count) = (0, 0);
        foreach (var b in hash)
        {
            bits = ((bits << 8) | b) & 0xFFFF;
            for (count += 8; count >= 5; count -= 5) name.Append(alphabet[(bits >> (count - 5)) & 31]);
        }
        return name.Append(alphabet[(bits << (5 - count)) & 31]).ToString();
    }
}
