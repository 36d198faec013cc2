using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ClusterRoleAggregation;

/// <summary>Fills roles with an aggregationRule with the rules of the roles that it selects: so add-ons extend <c>admin</c>, <c>edit</c> and <c>view</c>.</summary>
internal sealed class ClusterRoleAggregationController : IReconciler
{
    private const string Manager = "clusterrole-aggregation-controller";

    private readonly ControllerContext _context;
    private readonly IInformer<V1ClusterRole> _roles;

    public ClusterRoleAggregationController(ControllerContext context)
    {
        _context = context;
        // Any role may be part of any other.
        _roles = context.Watches(Resources.ClusterRoles, _ =>
        {
            foreach (var role in _roles!.List())
                if (role.AggregationRule is not null) context.Queue.Add(role.NamespacedName());
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_roles.FindObject(name)?.ToTree() is not { } role || role["aggregationRule"] is not JsonObject aggregation) return Requeue.Never;
        var rules = AggregatedRules.Of(name.Name, aggregation, _roles.List(), role => _roles.FindObject(role.NamespacedName())?.ToTree()["rules"] as JsonArray ?? []);
        if (JsonNode.DeepEquals(rules, role["rules"] as JsonArray ?? [])) return Requeue.Never;
        var body = new JsonObject
        {
            ["apiVersion"] = "rbac.authorization.k8s.io/v1",
            ["kind"] = "ClusterRole",
            ["metadata"] = new JsonObject { ["name"] = name.Name },
        };
        // Without any role to take from, the rules are nobody's here: what a user wrote stays.
        if (rules.Count > 0) body["rules"] = rules;
        await _context.Client.PatchAsync(Resources.ClusterRoles, name, new Patch(PatchType.Apply, body, Manager, Force: true), null, cancel);
        return Requeue.Never;
    }
}
