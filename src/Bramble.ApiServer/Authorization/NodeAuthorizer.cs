using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Authorization;

/// <summary>What a kubelet (user system:node:NAME in group system:nodes) may do: read only what its own pods need, write only its own node, lease and CSINode; the
/// NodeRestriction admission plugin checks what depends on an object's content. Reasons are upstream's.</summary>
public sealed class NodeAuthorizer : IAuthorizer
{
    private readonly NodeRelations _relations;
    private readonly IngressRelations? _ingress;
    private readonly IReadOnlyList<PolicyRule> _rules;

    /// <param name="reader">The caches.</param>
    /// <param name="rules">What all nodes may do alike: the rules of the bootstrap ClusterRole system:node.</param>
    /// <param name="servesIngress">Whether nodes run the built-in ingress, which needs the Secrets of what it serves.</param>
    internal NodeAuthorizer(IResourceReader reader, IReadOnlyList<PolicyRule> rules, bool servesIngress = false)
    {
        _relations = new NodeRelations(reader);
        _ingress = servesIngress ? new IngressRelations(reader) : null;
        _rules = rules;
    }

    public AccessAnswer Authorize(AccessAttributes attributes)
    {
        if (NodeName.Of(attributes.User) is not { } node) return default;
        if (node.Length == 0) return No($"unknown node for user \"{attributes.User.Name}\"");
        if (!attributes.IsResourceRequest) return ByRules(attributes);
        var name = new NamespacedName(attributes.Namespace, attributes.Name);
        return (attributes.Group, attributes.Resource) switch
        {
            ("", "secrets") => Secret(node, attributes),
            ("", "configmaps") => ReadNamespaced(node, attributes, _relations.HasConfigMap),
            ("", "persistentvolumeclaims") when attributes.Subresource == "status" => attributes.Verb is "update" or "patch"
                ? Related(node, attributes, _relations.HasClaim(node, name))
                : No("can only get/update/patch this type"),
            ("", "persistentvolumeclaims") => Get(node, attributes, () => _relations.HasClaim(node, name)),
            ("", "persistentvolumes") => Get(node, attributes, () => _relations.HasVolume(node, attributes.Name)),
            ("resource.k8s.io", "resourceclaims") => Get(node, attributes, () => _relations.HasResourceClaim(node, name)),
            ("storage.k8s.io", "volumeattachments") => Get(node, attributes, () => _relations.HasVolumeAttachment(node, attributes.Name)),
            ("", "serviceaccounts") => ServiceAccount(node, attributes),
            ("coordination.k8s.io", "leases") => Lease(node, attributes),
            ("storage.k8s.io", "csinodes") => CsiNode(node, attributes),
            ("resource.k8s.io", "resourceslices") => ResourceSlice(node, attributes),
            ("", "nodes") => Node(node, attributes),
            ("", "pods") => Pod(node, attributes),
            ("certificates.k8s.io", "podcertificaterequests") => PodCertificateRequest(node, attributes),
            _ => ByRules(attributes),
        };
    }

    private static AccessAnswer No(string reason = "") => new(AccessDecision.NoOpinion, reason);

    private static AccessAnswer Yes => new(AccessDecision.Allow);

    private AccessAnswer ByRules(AccessAttributes attributes) => _rules.Any(rule => rule.Allows(attributes)) ? Yes : No();

    private static AccessAnswer Related(string node, AccessAttributes attributes, bool isRelated) =>
        attributes.Name.Length == 0 ? No("No Object name found") : isRelated ? Yes : No($"no relationship found between node '{node}' and this object");

    private static AccessAnswer Get(string node, AccessAttributes attributes, Func<bool> isRelated)
    {
        if (attributes.Verb != "get") return No("can only get individual resources of this type");
        if (attributes.Subresource.Length > 0) return No("cannot get subresource");
        return Related(node, attributes, attributes.Name.Length > 0 && isRelated());
    }

    private static AccessAnswer ReadNamespaced(string node, AccessAttributes attributes, Func<string, NamespacedName, bool> isRelated)
    {
        if (attributes.Verb is not ("get" or "list" or "watch")) return No("can only read resources of this type");
        if (attributes.Subresource.Length > 0) return No("cannot read subresource");
        if (attributes.Namespace.Length == 0) return No("can only read namespaced object of this type");
        return Related(node, attributes, attributes.Name.Length > 0 && isRelated(node, new(attributes.Namespace, attributes.Name)));
    }

    /// <summary>Those of its pods as upstream; those of the ingress it may get and watch, one at a time, and never list.</summary>
    private AccessAnswer Secret(string node, AccessAttributes attributes)
    {
        var answer = ReadNamespaced(node, attributes, _relations.HasSecret);
        if (answer.Decision == AccessDecision.Allow || _ingress is null || attributes.Verb is not ("get" or "watch") || attributes.Subresource.Length > 0) return answer;
        return attributes is { Namespace.Length: > 0, Name.Length: > 0 } && _ingress.HasSecret(new(attributes.Namespace, attributes.Name)) ? Yes : answer;
    }

    private AccessAnswer ServiceAccount(string node, AccessAttributes attributes)
    {
        if (attributes.Verb == "get" && attributes.Subresource.Length == 0) return ReadNamespaced(node, attributes, _relations.HasServiceAccount);
        if (attributes.Verb != "create" || attributes.Name.Length == 0) return No("can only create tokens for individual service accounts");
        if (attributes.Subresource != "token") return No("can only create token subresource of serviceaccount");
        return Related(node, attributes, _relations.HasServiceAccount(node, new(attributes.Namespace, attributes.Name)));
    }

    private static AccessAnswer Lease(string node, AccessAttributes attributes)
    {
        if (attributes.Verb is not ("get" or "create" or "update" or "patch" or "delete")) return No("can only get, create, update, patch, or delete a node lease");
        if (attributes.Namespace != "kube-node-lease") return No("can only access leases in the \"kube-node-lease\" system namespace");
        // The name of a new one is known to NodeRestriction only.
        return attributes.Verb != "create" && attributes.Name != node ? No("can only access node lease with the same name as the requesting node") : Yes;
    }

    private static AccessAnswer CsiNode(string node, AccessAttributes attributes)
    {
        if (attributes.Verb is not ("get" or "create" or "update" or "patch" or "delete")) return No("can only get, create, update, patch, or delete a CSINode");
        if (attributes.Subresource.Length > 0) return No("cannot authorize CSINode subresources");
        return attributes.Verb != "create" && attributes.Name != node ? No("can only access CSINode with the same name as the requesting node") : Yes;
    }

    private AccessAnswer ResourceSlice(string node, AccessAttributes attributes)
    {
        if (attributes.Subresource.Length > 0) return No("cannot authorize ResourceSlice subresources");
        return attributes.Verb switch
        {
            "create" => Yes,
            "get" or "update" or "patch" or "delete" => Related(node, attributes, _relations.HasResourceSlice(node, attributes.Name)),
            "watch" or "list" or "deletecollection" => Selects(attributes, "spec.nodeName", node) ? Yes : No("can only list/watch/deletecollection resourceslices with nodeName field selector"),
            _ => No("only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection"),
        };
    }

    private static AccessAnswer Node(string node, AccessAttributes attributes) => (attributes.Subresource, attributes.Verb) switch
    {
        ("", "create" or "update" or "patch") => Yes,
        ("", "get" or "list" or "watch") when attributes.Name == node => Yes,
        ("", "get" or "list" or "watch") when attributes.Name.Length == 0 => No($"node '{node}' cannot read all nodes, only its own Node object"),
        ("", "get" or "list" or "watch") => No($"node '{node}' cannot read '{attributes.Name}', only its own Node object"),
        ("status", "update" or "patch") => Yes,
        _ => No(),
    };

    private AccessAnswer Pod(string node, AccessAttributes attributes)
    {
        bool IsOwn() => _relations.HasPod(node, new(attributes.Namespace, attributes.Name));
        return (attributes.Subresource, attributes.Verb) switch
        {
            ("", "get") => Get(node, attributes, IsOwn),
            ("", "list" or "watch") when Selects(attributes, "spec.nodeName", node) => Yes,
            ("", "list" or "watch") when attributes.Name.Length > 0 => Related(node, attributes, IsOwn()),
            ("", "list" or "watch") => No("can only list/watch pods with spec.nodeName field selector"),
            ("", "create" or "delete") => Yes,
            ("status", "update" or "patch") => Yes,
            ("eviction", "create") => Yes,
            _ => No(),
        };
    }

    private AccessAnswer PodCertificateRequest(string node, AccessAttributes attributes)
    {
        if (attributes.Subresource.Length > 0) return No("nodes may not access the status subresource of PodCertificateRequests");
        return attributes.Verb switch
        {
            "create" => Yes,
            "get" => Related(node, attributes, _relations.HasPodCertificateRequest(node, new(attributes.Namespace, attributes.Name))),
            "list" or "watch" => Selects(attributes, "spec.nodeName", node) ? Yes : No("can only list/watch podcertificaterequests with nodeName field selector"),
            var verb => No($"nodes may not {verb} podcertificaterequests"),
        };
    }

    /// <summary>True: the field selector holds <c>field=value</c> (or ==), so everything else is out of sight.</summary>
    private static bool Selects(AccessAttributes attributes, string field, string value) =>
        attributes.FieldSelector.Split(',').Any(term => term.Replace("==", "=", StringComparison.Ordinal) == $"{field}={value}");
}
