using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Fields with a fixed set of values.</summary>
internal static class EnumRules
{
    /// <summary>Required, and one of <paramref name="values"/> (in the order in which the message lists them).</summary>
    public static void Required(JsonObject tree, string name, FieldPath path, FieldErrors errors, params string[] values)
    {
        var value = tree.Text(name);
        if (value.Length == 0) errors.Required(path.Child(name));
        else if (!values.Contains(value)) errors.NotSupported(path.Child(name), value, values);
    }

    /// <summary>When present, one of <paramref name="values"/>.</summary>
    public static void Optional(JsonObject? tree, string name, FieldPath path, FieldErrors errors, params string[] values)
    {
        if (tree.TextOrNull(name) is { } value && !values.Contains(value)) errors.NotSupported(path.Child(name), value, values);
    }
}
