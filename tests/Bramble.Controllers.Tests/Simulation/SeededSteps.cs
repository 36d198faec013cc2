namespace Bramble.Controllers.Tests.Simulation;

/// <summary>Runs everything asynchronous on one thread, step by step: of the steps that could be next the seed takes one, and time moves only when there is none.
/// So one seed is one history.</summary>
internal sealed class SeededSteps(Random random, SimulatedTime time) : SynchronizationContext
{
    /// <summary>More steps without time passing are no work but a circle.</summary>
    private const int StepsInAMomentMax = 300_000;

    private readonly Lock _gate = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private string? _stray;
    private readonly List<(SendOrPostCallback Work, object? State)> _ready = [];

    public override void Post(SendOrPostCallback d, object? state)
    {
        // Somebody left this thread and came back at a time that no seed decides.
        if (Environment.CurrentManagedThreadId != _thread) _stray ??= Environment.StackTrace;
        lock (_gate) _ready.Add((d, state));
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("one thread waits for nobody");

    public override SynchronizationContext CreateCopy() => this;

    public void Run(Func<Task> play)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            var playing = play();
            var steps = 0;
            while (!playing.IsCompleted)
            {
                if (_stray is not null) throw new InvalidOperationException($"a step came from another thread: {_stray}");
                if (TakeOne() is { } step)
                {
                    if (++steps > StepsInAMomentMax) throw new InvalidOperationException($"no end of work at {time.Elapsed}");
                    step.Work(step.State);
                    continue;
                }
                steps = 0;
                if (!time.MoveOn()) throw new InvalidOperationException($"all wait and nothing will happen, at {time.Elapsed}");
            }
            playing.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    private (SendOrPostCallback Work, object? State)? TakeOne()
    {
        lock (_gate)
        {
            if (_ready.Count == 0) return null;
            var at = random.Next(_ready.Count);
            var step = _ready[at];
            _ready[at] = _ready[^1];
            _ready.RemoveAt(_ready.Count - 1);
            return step;
        }
    }
}
