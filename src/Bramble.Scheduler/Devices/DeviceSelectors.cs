using Bramble.Api.Cel;
using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Devices;

/// <summary>CEL expressions over devices, each compiled once. Holds at most 256, then forgets all: expressions are few and the same for many Pods.
/// Guarded by the scheduler's lock.</summary>
internal sealed class DeviceSelectors
{
    private const int KnownMax = 256;

    private static readonly CelEnvironment Environment = CelEnvironment.ForDevices();

    private readonly Dictionary<string, CelProgram> _programs = new(StringComparer.Ordinal);

    /// <exception cref="SchedulingException">The expression has no value for this device: nothing can be said, so nothing is allocated.</exception>
    public bool Matches(IEnumerable<string> expressions, Device device, string whose)
    {
        var index = 0;
        foreach (var expression in expressions)
        {
            object? value;
            try
            {
                value = Program(expression).Evaluate(new Dictionary<string, object?>(StringComparer.Ordinal) { ["device"] = device.Value });
            }
            catch (CelSyntaxException e)
            {
                throw new SchedulingException($"running \"DynamicResources\" filter plugin: {whose}: selector #{index}: CEL compile error: {e.Message}");
            }
            catch (CelException e)
            {
                throw new SchedulingException($"running \"DynamicResources\" filter plugin: {whose}: selector #{index}: CEL runtime error: {e.Message}");
            }
            if (value is not bool matches)
                throw new SchedulingException($"running \"DynamicResources\" filter plugin: {whose}: selector #{index}: CEL runtime error: CEL result of type {CelProgram.TypeNameOf(value)} could not be converted to bool");
            if (!matches) return false;
            index++;
        }
        return true;
    }

    private CelProgram Program(string expression)
    {
        if (_programs.TryGetValue(expression, out var known)) return known;
        if (_programs.Count >= KnownMax) _programs.Clear();
        return _programs[expression] = CelProgram.Compile(expression, Environment);
    }
}
