using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>Amounts of resources are kept in thousandths at most: finer ones are rounded up.</summary>
internal static class QuantityRounding
{
    public static void RoundUp(JsonObject? amounts)
    {
        if (amounts is null) return;
        foreach (var (name, node) in amounts.ToList())
        {
            // Only n and u, and long fractions, are finer than a thousandth.
            if (node.AsText() is not { } text || (!text.AsSpan().ContainsAny('n', 'u') && !text.Contains('.')) || !Quantity.TryParse(text, out var quantity, out _)) continue;
            if (quantity.Nanos % 1_000_000 != 0) amounts[name] = Quantity.FromMillis(quantity.ToMillis()).ToString();
        }
    }
}
