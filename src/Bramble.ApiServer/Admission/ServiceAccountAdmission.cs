using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission;

/// <summary>Gives each pod its service account: name, token volume, image pull secrets; and, where the account asks for it, only the secrets it lists.</summary>
internal sealed class ServiceAccountAdmission(TimeProvider time) : IAdmissionPlugin
{
    private const string MountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
    private const string VolumePrefix = "kube-api-access-";
    private const string SuffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>A new namespace's default account is made by a controller a moment after the namespace: worth waiting for.</summary>
    private static readonly TimeSpan DefaultAccountPause = TimeSpan.FromMilliseconds(200);
    private const int DefaultAccountAttempts = 10;

    public string Name => "ServiceAccount";

    public bool Handles(AdmissionRequest request) =>
        request.Object is not null && ((request.Operation == AdmissionOperation.Create && request.Is("", "pods")) || (request.Operation == AdmissionOperation.Update && request.Is("", "pods", "ephemeralcontainers")));

    public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (request.Operation != AdmissionOperation.Create) return;
        var pod = request.Object!;
        if (IsMirror(pod))
        {
            CheckMirror(request, pod);
            return;
        }
        var spec = pod.Child("spec");
        if (spec.Text("serviceAccountName").Length == 0) spec["serviceAccountName"] = "default";
        // The old name of the field follows the new one.
        spec["serviceAccount"] = spec.Text("serviceAccountName");
        var account = await FindAccountAsync(request, spec.Text("serviceAccountName"), cancel);
        if (spec.BoolOrNull("automountServiceAccountToken") ?? account.BoolOrNull("automountServiceAccountToken") ?? true) MountToken(spec);
        if (spec.Count("imagePullSecrets") > 0 || account.Count("imagePullSecrets") == 0) return;
        var secrets = new JsonArray();
        foreach (var (_, secret) in account.Items("imagePullSecrets")) secrets.Add((JsonNode)new JsonObject { ["name"] = secret.Text("name") });
        spec["imagePullSecrets"] = secrets;
    }

    public async ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var pod = request.Object!;
        if (request.Operation == AdmissionOperation.Create && IsMirror(pod))
        {
            CheckMirror(request, pod);
            return;
        }
        var name = pod.Object("spec").Text("serviceAccountName");
        if (name.Length == 0) throw request.Forbidden($"no service account specified for pod {request.Namespace}/{pod.ObjectName()}");
        var account = await FindAccountAsync(request, name, cancel);
        if (account.Annotations().Text("kubernetes.io/enforce-mountable-secrets") is not ("true" or "1" or "t" or "T" or "TRUE" or "True")) return;
        var why = request.Operation == AdmissionOperation.Create ? MountableSecrets.Refusal(pod, account) : MountableSecrets.EphemeralRefusal(pod, account);
        if (why is not null) throw request.Forbidden(why);
    }

    private static bool IsMirror(JsonObject pod) => pod.Annotations().Has("kubernetes.io/config.mirror");

    private static void CheckMirror(AdmissionRequest request, JsonObject pod)
    {
        var spec = pod.Object("spec");
        if (spec.Text("serviceAccountName").Length > 0) throw request.Forbidden("a mirror pod may not reference service accounts");
        // References of mirror pods are not looked at otherwise: read it as an ordinary one.
        var plain = new JsonObject { ["spec"] = spec?.DeepClone() };
        if (PodReferences.Read(plain).Secrets.Count > 0) throw request.Forbidden("a mirror pod may not reference secrets");
        foreach (var (_, volume) in spec.Items("volumes"))
            foreach (var (_, source) in volume.Object("projected").Items("sources"))
                if (source.Has("serviceAccountToken")) throw request.Forbidden("a mirror pod may not use ServiceAccountToken volume projections");
    }

    private async ValueTask<JsonObject> FindAccountAsync(AdmissionRequest request, string name, CancellationToken cancel)
    {
        var accounts = new GroupResource("", "serviceaccounts");
        for (var attempt = 1; ; attempt++)
        {
            if (request.Reader.Find(accounts, new(request.Namespace, name)) is { } found) return found.ToTree();
            if (name != "default" || attempt == DefaultAccountAttempts)
                throw request.Forbidden($"error looking up service account {request.Namespace}/{name}: serviceaccount \"{name}\" not found");
            await Task.Delay(DefaultAccountPause, time, cancel);
        }
    }

    private static void MountToken(JsonObject spec)
    {
        string? volumeName = null;
        foreach (var (_, volume) in spec.Items("volumes"))
            if (volume.Text("name").StartsWith(VolumePrefix, StringComparison.Ordinal))
            {
                volumeName = volume.Text("name");
                break;
            }
        var hasVolume = volumeName is not null;
        volumeName ??= VolumePrefix + new string(Random.Shared.GetItems<char>(SuffixAlphabet, 5));
        var isNeeded = false;
        foreach (var list in (ReadOnlySpan<string>)["initContainers", "containers"])
            foreach (var (_, container) in spec.Items(list))
            {
                if (container.Array("volumeMounts") is not { } mounts) container["volumeMounts"] = mounts = [];
                // Something mounted there by the user stays.
                if (mounts.OfType<JsonObject>().Any(mount => mount.Text("mountPath") == MountPath)) continue;
                mounts.Add((JsonNode)new JsonObject { ["name"] = volumeName, ["readOnly"] = true, ["mountPath"] = MountPath });
                isNeeded = true;
            }
        if (hasVolume || !isNeeded) return;
        if (spec.Array("volumes") is not { } volumes) spec["volumes"] = volumes = [];
        volumes.Add((JsonNode)TokenVolume(volumeName));
    }

    private static JsonObject TokenVolume(string name) => new()
    {
        ["name"] = name,
        ["projected"] = new JsonObject
        {
            ["sources"] = new JsonArray(
                new JsonObject { ["serviceAccountToken"] = new JsonObject { ["expirationSeconds"] = 3607, ["path"] = "token" } },
                new JsonObject
                {
                    ["configMap"] = new JsonObject
                    {
                        ["name"] = "kube-root-ca.crt",
                        ["items"] = new JsonArray(new JsonObject { ["key"] = "ca.crt", ["path"] = "ca.crt" }),
                    },
                },
                new JsonObject
                {
                    ["downwardAPI"] = new JsonObject
                    {
                        ["items"] = new JsonArray(
                            new JsonObject { ["path"] = "namespace", ["fieldRef"] = new JsonObject { ["apiVersion"] = "v1", ["fieldPath"] = "metadata.namespace" } }),
                    },
                }),
            ["defaultMode"] = 420,
        },
    };
}
