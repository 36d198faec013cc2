using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Decoding;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.Api.Tables;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>A resource in the version it is asked for, with all that serves it. Three forms of an object meet here: as served, as its strategy works on it
/// (the storage version of its own group) and as stored. They differ only for Events and HorizontalPodAutoscalers. Immutable.</summary>
internal sealed class ServedResource(ApiResource api, SchemaType type, SchemaType workingType, KindStrategy strategy, ResourceCache cache)
{
    public ApiResource Api { get; } = api;

    /// <summary>Type of the served version.</summary>
    public SchemaType Type { get; } = type;

    /// <summary>Type of the version the strategy works on.</summary>
    public SchemaType WorkingType { get; } = workingType;

    public KindStrategy Strategy { get; } = strategy;
    public ResourceCache Cache { get; } = cache;
    public GroupResource GroupResource { get; } = api.GroupResource;
    public GroupVersionKind Kind { get; } = api.GroupVersionKind;
    public GroupVersionKind WorkingKind { get; } = WorkingKindOf(api);
    public bool IsNamespaced => Api.IsNamespaced;

    /// <summary>Of a custom resource; null for a built-in one.</summary>
    public CustomResources.ServedDefinition? Definition { get; init; }

    /// <summary>The printer of its Tables.</summary>
    public TablePrinter Printer => Definition is { } definition ? TablePrinter.ForCustom(definition.Version["additionalPrinterColumns"] as JsonArray) : TablePrinter.For(Kind);

    /// <summary>Group and kind that a refusal names: those of the storage, but a custom object's own kind.</summary>
    public GroupVersionKind ErrorKind(JsonObject obj) => Definition is null ? Api.StorageKind : Kind with { Kind = obj.Text("kind") };

    /// <summary>The stored bytes may not be what is served.</summary>
    public bool IsConverted { get; } = api.GroupVersionKind != api.StorageKind || EmbeddedJson.MayBeIn(api.GroupVersionKind) || !api.IsBuiltIn;

    public static GroupVersionKind WorkingKindOf(ApiResource api) => api.IsBuiltIn && api.StorageKind.Group == api.Group ? api.StorageKind : api.GroupVersionKind;

    /// <summary>An object of the cache as it is served; the same instance where nothing converts.</summary>
    public KubeObject ToServed(KubeObject stored)
    {
        if (!IsConverted) return stored;
        if (Definition is { } definition) return ToServed(stored, definition);
        var isSameKind = Kind == Api.StorageKind;
        if (isSameKind && !EmbeddedJson.IsIn(stored.Json.Span)) return stored;
        var tree = EmbeddedJson.Strip(stored.ToTree());
        if (!isSameKind) KindConversion.Convert(tree, Kind);
        return new KubeObject(stored.Name, stored.Uid, stored.ResourceVersion, TreeText.Write(Normalizer.Normalize(tree, Type)));
    }

    /// <summary>A custom resource that was stored before its definition last changed is pruned and defaulted by the schema of now. Another version has no say in what is missing, only in what it
    /// does not know: defaults are the stored version's, as upstream's.</summary>
    private KubeObject ToServed(KubeObject stored, CustomResources.ServedDefinition definition)
    {
        var isOld = stored.ResourceVersion <= definition.Revision;
        if (!isOld && Kind == Api.StorageKind) return stored;
        var tree = stored.ToTree();
        var form = definition.FormOf(tree);
        var isServed = ReferenceEquals(form, definition.Served);
        if (isOld || isServed) form.PruneAndDefault(tree);
        tree["apiVersion"] = Kind.GroupVersion.ToString();
        if (!isServed) definition.Served.Prune(tree);
        return new KubeObject(stored.Name, stored.Uid, stored.ResourceVersion, TreeText.Write(tree));
    }

    /// <summary>A mutable copy in the working version, resourceVersion in place.</summary>
    public JsonObject ToWorking(KubeObject stored)
    {
        if (Definition is not null) return ToServed(stored).ToTree();
        var tree = stored.ToTree();
        if (WorkingKind != Api.StorageKind) KindConversion.Convert(tree, WorkingKind);
        return tree;
    }

    /// <summary>From served to working version, in place.</summary>
    public void ServedToWorking(JsonObject tree)
    {
        if (Kind != WorkingKind) KindConversion.Convert(tree, WorkingKind);
    }

    /// <summary>From working to served version, in place.</summary>
    public void WorkingToServed(JsonObject tree)
    {
        if (Kind != WorkingKind) KindConversion.Convert(tree, Kind);
    }

    /// <summary>From working version to the bytes at rest: normal form, no resourceVersion. The tree may be brought into that form.</summary>
    public ReadOnlyMemory<byte> ToStorage(JsonObject working)
    {
        if (Definition is not null)
        {
            var custom = Normalizer.Normalize(working, Type);
            custom["apiVersion"] = Api.StorageKind.GroupVersion.ToString();
            Definition.Stored.PruneAndDefault(custom);
            GoNumbers.Normalize(custom);
            custom.Meta().Remove("resourceVersion");
            return TreeText.Write(custom);
        }
        var isConverting = WorkingKind != Api.StorageKind;
        var tree = isConverting ? Normalizer.Normalize(working, WorkingType) : Normalizer.NormalizeOwn(working, WorkingType);
        tree.Meta().Remove("resourceVersion");
        if (isConverting) KindConversion.Convert(tree, Api.StorageKind);
        return TreeText.Write(tree);
    }

    public string KeyOf(NamespacedName name) => name.Namespace.Length == 0 ? Api.StoragePrefix + name.Name : $"{Api.StoragePrefix}{name.Namespace}/{name.Name}";
}
