using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Patching;

/// <summary>A policy's mutation does not fit the object; the message is upstream's.</summary>
public sealed class PolicyPatchException(string message) : Exception(message);

/// <summary>Applies what a MutatingAdmissionPolicy made. Behaviour of apiserver's policy/mutating/patch.</summary>
public static class PolicyPatch
{
    /// <param name="current">Not changed.</param>
    /// <returns>A new tree; the old one when a test operation found something else.</returns>
    /// <exception cref="PolicyPatchException">An operation does not apply.</exception>
    /// <exception cref="StatusException">500: the result is not of the type.</exception>
    public static JsonObject ApplyOperations(JsonObject current, JsonArray operations, SchemaType type)
    {
        JsonNode? patched;
        try
        {
            patched = JsonPatch.Apply(current.DeepClone(), operations, new OpenedObjects());
        }
        catch (PatchDoesNotApplyException e)
        {
            return e.IsTest ? current : throw new PolicyPatchException($"JSON Patch: {e.Message}");
        }
        var (tree, strictErrors) = ObjectDecoder.ReadNode(TreeText.Write(patched), type, FieldValidation.Strict, StatusErrors.Internal);
        if (strictErrors.Count > 0) throw StatusErrors.Internal($"strict decoding error: {string.Join(", ", strictErrors)}");
        return tree as JsonObject ?? throw StatusErrors.Internal("Object 'Kind' is missing in 'null'");
    }

    /// <param name="current">Not changed.</param>
    /// <returns>A new tree.</returns>
    /// <exception cref="PolicyPatchException">The configuration is not of the type, or names a list or map that has one owner.</exception>
    public static JsonObject ApplyConfiguration(JsonObject current, JsonObject configuration, SchemaType type)
    {
        foreach (var field in (ReadOnlySpan<string>)["apiVersion", "kind"]) configuration[field] = current[field]?.DeepClone();
        if (ApplyValidation.FindErrors(configuration, type) is { } errors) throw new PolicyPatchException($"error applying patch: failed to convert patch object to typed object: {errors}");
        var atomics = new List<string>();
        FindAtomics(configuration, type, "", atomics);
        if (atomics.Count > 0) throw new PolicyPatchException($"error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {string.Join(", ", atomics)}");
        return (JsonObject)ObjectMerge.Merge(current, configuration, type)!;
    }

    private static void FindAtomics(JsonNode? value, SchemaType type, string path, List<string> atomics)
    {
        var atom = Atoms.Of(type, value);
        switch (value)
        {
            case JsonObject map when atom == Atom.Map:
                if (Atoms.IsAtomic(type, atom)) atomics.Add(path);
                foreach (var (name, member) in map)
                    if (Atoms.IsDeclared(type, name)) FindAtomics(member, Atoms.Member(type, name)!, $"{path}.{name}", atomics);
                break;
            case JsonArray list when atom == Atom.List:
                if (Atoms.IsAtomic(type, atom)) atomics.Add(path);
                for (var i = 0; i < list.Count; i++) FindAtomics(list[i], type.Element ?? GoTypeNames.Any, $"{path}[{i}]", atomics);
                break;
        }
    }
}
