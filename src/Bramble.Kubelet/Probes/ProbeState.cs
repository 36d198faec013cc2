using k8s.Models;

namespace Bramble.Kubelet.Probes;

internal enum ProbeKind { Startup, Liveness, Readiness }

/// <summary>What one probe of one container instance has said so far. Pure: thresholds of the API page "Configure probes".</summary>
/// <param name="Verdict">Null: not known yet (startup only; liveness begins well, readiness begins unready).</param>
/// <param name="Run">How often the last outcome came in a row.</param>
internal readonly record struct ProbeState(bool? Verdict, bool? LastOutcome, int Run)
{
    public static ProbeState Begin(ProbeKind kind) => new(kind switch { ProbeKind.Liveness => true, ProbeKind.Readiness => false, _ => null }, null, 0);

    public ProbeState With(bool isSuccess, V1Probe probe)
    {
        var run = LastOutcome == isSuccess ? Run + 1 : 1;
        var threshold = isSuccess ? probe.SuccessThreshold ?? 1 : probe.FailureThreshold ?? 3;
        return new(run >= threshold ? isSuccess : Verdict, isSuccess, run);
    }

    /// <summary>A container that failed liveness or startup is killed: no more probing until the next instance.</summary>
    public bool IsDone(ProbeKind kind) => kind switch
    {
        ProbeKind.Liveness => Verdict == false,
        ProbeKind.Startup => Verdict is not null,
        _ => false,
    };
}
