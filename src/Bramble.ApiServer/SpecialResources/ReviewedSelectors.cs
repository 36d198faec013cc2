using System.Text.Json.Nodes;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>The selectors an access review asks with, as a list would send them. What cannot be read is left out, which asks for more and never for less, and said.</summary>
internal sealed class ReviewedSelectors
{
    public ReviewedSelectors(JsonObject? resourceAttributes)
    {
        Fields = Read(resourceAttributes.Object("fieldSelector"), "fieldSelector", raw => FieldSelector.Parse(raw).ToString(), FieldTermOf);
        Labels = Read(resourceAttributes.Object("labelSelector"), "labelSelector", raw => LabelSelector.Parse(raw).ToString(), LabelTermOf);
    }

    public string Fields { get; }

    public string Labels { get; }

    /// <summary>What was not understood: fields before labels.</summary>
    public List<string> Errors { get; } = [];

    /// <param name="term">Null: a requirement that cannot be read.</param>
    private string Read(JsonObject? selector, string name, Func<string, string> parse, Func<JsonObject, string?> term)
    {
        if (selector is null) return "";
        List<string?> terms = [];
        if (selector.Text("rawSelector") is { Length: > 0 } raw)
        {
            try
            {
                terms.Add(parse(raw));
            }
            catch (FormatException)
            {
                terms.Add(null); // told below
            }
        }
        foreach (var (_, requirement) in selector.Items("requirements")) terms.Add(term(requirement));
        var read = terms.OfType<string>().ToList();
        if (read.Count < terms.Count) Errors.Add($"spec.resourceAttributes.{name} {(read.Count > 0 ? "partially " : "")}ignored due to parse error");
        return string.Join(',', read);
    }

    private static string? FieldTermOf(JsonObject requirement)
    {
        var op = requirement.Text("operator");
        return op is "In" or "NotIn" && requirement.Texts("values").ToList() is [var value] ? new FieldTerm(requirement.Text("key"), op == "In", value).ToString() : null;
    }

    private static string? LabelTermOf(JsonObject requirement)
    {
        try
        {
            return LabelSelector.FromObject(new JsonObject { ["matchExpressions"] = new JsonArray(requirement.DeepClone()) }).ToString();
        }
        catch (FormatException)
        {
            return null; // told by the caller
        }
    }
}
