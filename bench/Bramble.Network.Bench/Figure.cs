namespace Bramble.Network.Bench;

/// <summary>One line of the result.</summary>
internal static class Figure
{
    public static void Print(string name, string value) => Console.WriteLine($"{name,-64} {value}");
}
