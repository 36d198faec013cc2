using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;

namespace Bramble.Controllers.PolicyTypeChecking;

/// <summary>Tells the author of a ValidatingAdmissionPolicy what in its expressions does not fit the objects that it is about: status.typeChecking, once for each generation.</summary>
internal sealed class PolicyTypeCheckingController : IReconciler
{
    private const string Manager = "validatingadmissionpolicy-status";

    private readonly ControllerContext _context;
    private readonly IInformer<KubeObject> _policies;
    private readonly KindFinder _kinds;

    public PolicyTypeCheckingController(ControllerContext context)
    {
        _context = context;
        _kinds = new KindFinder(context.Client);
        _policies = context.WatchesObjects(Resources.ValidatingAdmissionPolicies, change =>
        {
            if (change.New is not null) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_policies.Find(name)?.ToTree() is not { } policy) return Requeue.Never;
        var generation = (long?)policy["metadata"]?["generation"] ?? 0;
        if (generation <= ((long?)policy["status"]?["observedGeneration"] ?? 0)) return Requeue.Never;
        var spec = policy["spec"] as JsonObject ?? [];
        var warnings = PolicyTypeChecker.Check(spec, await _kinds.FindAsync(spec, cancel), await ParamsTypeAsync(spec, cancel));
        var body = new JsonObject
        {
            ["apiVersion"] = "admissionregistration.k8s.io/v1",
            ["kind"] = "ValidatingAdmissionPolicy",
            ["metadata"] = new JsonObject { ["name"] = name.Name },
            ["status"] = new JsonObject
            {
                ["observedGeneration"] = generation,
                ["typeChecking"] = warnings.Count == 0 ? new JsonObject() : new JsonObject { ["expressionWarnings"] = warnings },
            },
        };
        await _context.Client.PatchAsync(Resources.ValidatingAdmissionPolicies, name, new Patch(PatchType.Apply, body, Manager, Force: true), "status", cancel);
        return Requeue.Never;
    }

    private async Task<Bramble.Api.Cel.CelDeclaration?> ParamsTypeAsync(JsonObject spec, CancellationToken cancel)
    {
        if (spec["paramKind"] is not JsonObject kind || ((string?)kind["apiVersion"] ?? "").Split('/') is not { Length: 1 or 2 } parts) return null;
        return await _kinds.TypeAsync(new GroupVersionKind(parts.Length == 1 ? "" : parts[0], parts[^1], (string?)kind["kind"] ?? ""), cancel);
    }
}
