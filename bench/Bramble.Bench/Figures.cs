namespace Bramble.Bench;

/// <summary>The figures of a run: printed as they come, and held against the budgets of the design at the end. A time is printed, never held against anything.</summary>
internal sealed class Figures
{
    private readonly List<string> _exceeded = [];

    public void Print(string name, string value) => Console.WriteLine($"{name,-58} {value}");

    /// <summary>A figure with a budget: CI fails when it is above.</summary>
    public void Print(string name, double value, double budget, string unit)
    {
        Print(name, $"{value:0.0#} {unit} (budget {budget} {unit})");
        if (value > budget) _exceeded.Add($"{name}: {value:0.0#} {unit} exceed {budget} {unit}");
    }

    /// <summary>What exceeds its budget, one line each.</summary>
    public IReadOnlyList<string> Exceeded => _exceeded;
}
