using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Changes an object tree the way strategies do: defaults, keeping parts of the old object, generations.</summary>
internal static class TreeWriting
{
    /// <summary>Sets a pointer field's default: only when it is absent.</summary>
    public static void DefaultTo(this JsonObject tree, string name, string value)
    {
        if (!tree.Has(name)) tree[name] = value;
    }

    public static void DefaultTo(this JsonObject tree, string name, long value)
    {
        if (!tree.Has(name)) tree[name] = value;
    }

    public static void DefaultTo(this JsonObject tree, string name, bool value)
    {
        if (!tree.Has(name)) tree[name] = value;
    }

    /// <summary>Sets the default of a field for which empty text means absent.</summary>
    public static void DefaultText(this JsonObject tree, string name, string value)
    {
        if (tree.Text(name).Length == 0) tree[name] = value;
    }

    /// <summary>Sets the default of a number for which zero means absent.</summary>
    public static void DefaultNumber(this JsonObject tree, string name, long value)
    {
        if (tree.Long(name) == 0) tree[name] = value;
    }

    /// <summary>The object under a name, made when it is absent.</summary>
    public static JsonObject Child(this JsonObject tree, string name)
    {
        if (tree.Object(name) is { } there) return there;
        var made = new JsonObject();
        tree[name] = made;
        return made;
    }

    /// <summary>Takes a field from the old object, also its absence.</summary>
    public static void KeepFrom(this JsonObject tree, JsonObject old, string name)
    {
        if (old.Has(name)) tree[name] = old[name]!.DeepClone();
        else tree.Remove(name);
    }

    public static void SetGeneration(this JsonObject tree, long generation) => tree.Child("metadata")["generation"] = generation;

    /// <summary>generation = the old object's + 1.</summary>
    public static void BumpGeneration(this JsonObject tree, JsonObject old) => tree.SetGeneration(old.Object("metadata").Long("generation") + 1);

    /// <summary>What apimachinery's ResetObjectMetaForStatus keeps: a status write touches no labels, annotations, finalizers, owners…</summary>
    public static void KeepMetaForStatus(this JsonObject tree, JsonObject old)
    {
        var (metadata, before) = (tree.Child("metadata"), old.Object("metadata") ?? []);
        foreach (var name in (ReadOnlySpan<string>)["deletionTimestamp", "generation", "annotations", "labels", "finalizers", "ownerReferences"])
            metadata.KeepFrom(before, name);
    }
}
