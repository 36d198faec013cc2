using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Authorization;

/// <summary>A rule that applies to somebody, and by which binding; or a binding whose role is missing (<c>Rule</c> null).</summary>
internal readonly record struct GrantedRule(PolicyRule? Rule, string Source, string? Error);

/// <summary>Roles and bindings by subject. An immutable picture of the four RBAC resources at one moment, made anew when one of them has changed; parsed objects are
/// kept from picture to picture, so a change costs parsing one object. Thread-safe.</summary>
internal sealed class RoleBindingIndex(IResourceReader reader)
{
    internal const string Group = "rbac.authorization.k8s.io";
    private static readonly GroupResource Roles = new(Group, "roles");
    private static readonly GroupResource ClusterRoles = new(Group, "clusterroles");
    private static readonly GroupResource RoleBindings = new(Group, "rolebindings");
    private static readonly GroupResource ClusterRoleBindings = new(Group, "clusterrolebindings");

    private readonly ConditionalWeakTable<KubeObject, IReadOnlyList<PolicyRule>> _rules = [];
    private readonly ConditionalWeakTable<KubeObject, Binding> _bindings = [];
    private Picture? _picture;

    private sealed record Subject(string Kind, string Name, string Namespace);

    private sealed record Binding(NamespacedName Name, string RoleKind, string RoleName, IReadOnlyList<Subject> Subjects);

    private sealed record Entry(Binding Binding, Subject Subject);

    /// <summary>Entries of one namespace (or of the cluster): by user name and by group.</summary>
    private sealed class Scope
    {
        public Dictionary<string, List<Entry>> ByUser { get; } = new(StringComparer.Ordinal);
        public Dictionary<string, List<Entry>> ByGroup { get; } = new(StringComparer.Ordinal);
    }

    private sealed record Picture(long ClusterBindings, long Bindings, Scope Cluster, Dictionary<string, Scope> Namespaces);

    /// <summary>All rules a user holds in a namespace (empty: cluster scope only), cluster bindings first.</summary>
    public IEnumerable<GrantedRule> RulesOf(UserInfo user, string ns)
    {
        var picture = Current();
        foreach (var rule in RulesOf(picture.Cluster, user)) yield return rule;
        if (ns.Length == 0 || !picture.Namespaces.TryGetValue(ns, out var scope)) yield break;
        foreach (var rule in RulesOf(scope, user)) yield return rule;
    }

    /// <summary>The rules of a role reference; null: there is no such role.</summary>
    public IReadOnlyList<PolicyRule>? RulesOfRole(string kind, string name, string ns)
    {
        var role = kind == "ClusterRole" ? reader.Find(ClusterRoles, new("", name)) : reader.Find(Roles, new(ns, name));
        return role is null ? null : _rules.GetValue(role, r => PolicyRule.ReadAll(r.ToTree()["rules"]));
    }

    private IEnumerable<GrantedRule> RulesOf(Scope scope, UserInfo user)
    {
        HashSet<Binding>? seen = null; // a binding may name the user and several of the groups
        foreach (var entry in EntriesOf(scope, user))
        {
            if (!(seen ??= []).Add(entry.Binding)) continue;
            var binding = entry.Binding;
            if (RulesOfRole(binding.RoleKind, binding.RoleName, binding.Name.Namespace) is not { } rules)
            {
                yield return new GrantedRule(null, "", $"{binding.RoleKind.ToLowerInvariant()}.{Group} {FieldError.Quote(binding.RoleName)} not found");
                continue;
            }
            foreach (var rule in rules) yield return new GrantedRule(rule, Describe(entry), null);
        }
    }

    private static IEnumerable<Entry> EntriesOf(Scope scope, UserInfo user)
    {
        if (scope.ByUser.TryGetValue(user.Name, out var own))
            foreach (var entry in own) yield return entry;
        foreach (var group in user.Groups)
            if (scope.ByGroup.TryGetValue(group, out var shared))
                foreach (var entry in shared) yield return entry;
    }

    private static string Describe(Entry entry)
    {
        var (binding, subject) = (entry.Binding, entry.Subject);
        // Upstream writes name/namespace, in this order.
        var name = binding.Name.Namespace.Length == 0 ? binding.Name.Name : $"{binding.Name.Name}/{binding.Name.Namespace}";
        var kind = binding.Name.Namespace.Length == 0 ? "ClusterRoleBinding" : "RoleBinding";
        var who = subject.Kind == "ServiceAccount" ? $"{subject.Name}/{(subject.Namespace.Length > 0 ? subject.Namespace : binding.Name.Namespace)}" : subject.Name;
        return $"{kind} {FieldError.Quote(name)} of {binding.RoleKind} {FieldError.Quote(binding.RoleName)} to {subject.Kind} {FieldError.Quote(who)}";
    }

    private Picture Current()
    {
        var (cluster, bindings) = (reader.Revision(ClusterRoleBindings), reader.Revision(RoleBindings));
        var picture = Volatile.Read(ref _picture);
        if (picture is not null && picture.ClusterBindings == cluster && picture.Bindings == bindings) return picture;
        // The revisions were read before the lists: a picture may be newer than it says, never older.
        var clusterScope = new Scope();
        foreach (var binding in reader.List(ClusterRoleBindings)) Add(clusterScope, binding);
        Dictionary<string, Scope> namespaces = new(StringComparer.Ordinal);
        foreach (var binding in reader.List(RoleBindings))
        {
            if (!namespaces.TryGetValue(binding.Name.Namespace, out var scope)) namespaces[binding.Name.Namespace] = scope = new Scope();
            Add(scope, binding);
        }
        picture = new Picture(cluster, bindings, clusterScope, namespaces);
        Volatile.Write(ref _picture, picture);
        return picture;
    }

    private void Add(Scope scope, KubeObject stored)
    {
        var binding = _bindings.GetValue(stored, Read);
        foreach (var subject in binding.Subjects)
        {
            var ns = subject.Namespace.Length > 0 ? subject.Namespace : binding.Name.Namespace;
            var (list, key) = subject.Kind switch
            {
                "User" => (scope.ByUser, subject.Name),
                "Group" => (scope.ByGroup, subject.Name),
                "ServiceAccount" when ns.Length > 0 => (scope.ByUser, ServiceAccountName.User(new(ns, subject.Name))),
                _ => (null, ""),
            };
            if (list is null) continue;
            if (!list.TryGetValue(key, out var entries)) list[key] = entries = [];
            entries.Add(new Entry(binding, subject));
        }
    }

    private static Binding Read(KubeObject stored)
    {
        var tree = stored.ToTree();
        var subjects = tree["subjects"] is JsonArray list
            ? list.OfType<JsonObject>().Select(s => new Subject((string?)s["kind"] ?? "", (string?)s["name"] ?? "", (string?)s["namespace"] ?? "")).ToList()
            : [];
        return new Binding(stored.Name, (string?)tree["roleRef"]?["kind"] ?? "", (string?)tree["roleRef"]?["name"] ?? "", subjects);
    }
}
