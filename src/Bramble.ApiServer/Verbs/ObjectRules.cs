using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>Small rules that several verbs share; behaviour of apiserver's rest package and handlers.</summary>
internal static class ObjectRules
{
    private const string Alphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>The object's namespace is the request's: filled in when empty, cleared for cluster scope.</summary>
    public static void EnsureNamespace(JsonObject obj, ServedResource resource, string requestNamespace)
    {
        var meta = obj.Meta();
        if (!resource.IsNamespaced)
        {
            meta.Remove("namespace");
            return;
        }
        var own = meta.Text("namespace");
        if (own.Length == 0) meta["namespace"] = requestNamespace;
        else if (own != requestNamespace)
            throw StatusErrors.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
    }

    /// <summary>The name in an update's body is the one in its path.</summary>
    public static void CheckName(JsonObject obj, NamespacedName name)
    {
        var own = obj.NameOf();
        if (own.Length == 0) throw StatusErrors.BadRequest($"the name of the object ({name.Name} based on URL) was undeterminable: name must be provided");
        if (own != name.Name) throw StatusErrors.BadRequest($"the name of the object ({own}) does not match the name on the URL ({name.Name})");
    }

    /// <summary>A name from generateName: its first 58 characters and five random ones that make no words.</summary>
    public static string GenerateName(string prefix, Random random)
    {
        if (prefix.Length > 58) prefix = prefix[..58];
        return string.Concat(prefix, random.GetString(Alphabet, 5));
    }

    /// <summary>Owners that come twice (same uid and the same in all) are written once, with a warning.</summary>
    public static void DedupOwners(JsonObject obj, List<string> warnings, bool afterAdmission)
    {
        if (obj.Meta()["ownerReferences"] is not JsonArray owners || owners.Count < 2) return;
        var repeated = new List<string>();
        for (var i = owners.Count - 1; i > 0; i--)
            for (var j = 0; j < i; j++)
                if (JsonNode.DeepEquals(owners[i], owners[j]))
                {
                    if (owners[i] is JsonObject owner) repeated.Insert(0, owner.Text("uid"));
                    owners.RemoveAt(i);
                    break;
                }
        if (repeated.Count == 0) return;
        var uids = string.Join(", ", repeated.Distinct());
        warnings.Add(afterAdmission
            ? $".metadata.ownerReferences contains duplicate entries after mutating admission happens; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
            : $".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}");
    }

    /// <summary>True when two objects differ at most in the times of their managedFields: then the old ones stay and nothing is written.</summary>
    public static bool DiffersOnlyInFieldTimes(JsonObject obj, JsonObject old)
    {
        if (obj.Meta()["managedFields"] is not JsonArray entries || old.Meta()["managedFields"] is not JsonArray oldEntries || entries.Count != oldEntries.Count) return false;
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i] is not JsonObject entry || oldEntries[i] is not JsonObject oldEntry) return false;
            foreach (var (name, value) in entry)
                if (name != "time" && !JsonNode.DeepEquals(value, oldEntry[name])) return false;
            if (entry.Count != oldEntry.Count) return false;
        }
        return true;
    }
}
