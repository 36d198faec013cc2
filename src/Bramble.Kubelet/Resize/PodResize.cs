using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>The resources of one pod on this node in their three states (KEP-1287): wanted by the API, given by the node (allocated), and in force at its
/// containers. What the node does with a pod it does with what is allocated. Thread-safe.</summary>
internal sealed class PodResize
{
    public const string PendingType = "PodResizePending", InProgressType = "PodResizeInProgress";

    private readonly Lock _gate = new();

    // Containers that run with older resources, and the pod of that time.
    private readonly Dictionary<string, V1Pod> _actual = new(StringComparer.Ordinal);
    private V1Pod _allocated;
    private V1Pod? _desired;

    // The pod before the resize that is under way.
    private V1Pod? _before;
    private V1PodCondition? _pending;
    private V1PodCondition? _inProgress;

    public PodResize(V1Pod pod)
    {
        _allocated = PodAllocation.FromStatus(pod);
        if (!ReferenceEquals(_allocated, pod)) _desired = pod;
        _pending = _desired is null ? null : Find(PendingType);
        _inProgress = Find(InProgressType);

        V1PodCondition? Find(string type) => pod.Status?.Conditions?.FirstOrDefault(c => c.Type == type);
    }

    /// <summary>The pod with the resources that the node has given to it.</summary>
    public V1Pod Allocated => Volatile.Read(ref _allocated);

    /// <summary>The pod as the API wants it; null: that is what is allocated.</summary>
    public V1Pod? Desired => Volatile.Read(ref _desired);

    /// <summary>Since when the wish waits; null: it was not decided before.</summary>
    public DateTime? PendingSince
    {
        get
        {
            lock (_gate) return _pending?.LastTransitionTime;
        }
    }

    public void Update(V1Pod newer)
    {
        lock (_gate)
        {
            if (PodAllocation.IsSame(_allocated, newer))
            {
                // Wanted back before it was given: nothing waits any more.
                _allocated = newer;
                _desired = null;
                _pending = null;
                return;
            }
            _allocated = PodAllocation.With(newer, _allocated);
            _desired = newer;
        }
    }

    /// <summary>Gives what is wanted. False: nothing is.</summary>
    public bool Allocate(DateTime now)
    {
        lock (_gate)
        {
            if (_desired is not { } desired) return false;
            foreach (var c in _allocated.Spec.AllContainers()) _actual.TryAdd(c.Name, _allocated);
            _before ??= _allocated;
            _allocated = desired;
            _desired = null;
            _pending = null;
            _inProgress = Condition(InProgressType, null, null, desired.Metadata.Generation, now);
            return true;
        }
    }

    /// <summary>The node cannot give it now. True: that is news.</summary>
    public bool Defer(string message, DateTime now)
    {
        lock (_gate)
        {
            if (_desired is not { } desired) return false;
            var isNews = _pending is null || _pending.Reason != "Deferred" || _pending.ObservedGeneration != desired.Metadata.Generation;
            if (isNews || _pending!.Message != message)
                _pending = Condition(PendingType, "Deferred", message, desired.Metadata.Generation, now);
            return isNews;
        }
    }

    /// <summary>What is to be done at running containers. Those that do not run get the new resources when they start.</summary>
    public IReadOnlyList<ContainerResize> Decide(ObservedPod observed)
    {
        lock (_gate)
        {
            if (_actual.Count == 0) return [];
            var resizes = new List<ContainerResize>();
            foreach (var c in _allocated.Spec.AllContainers())
            {
                if (!_actual.TryGetValue(c.Name, out var then)) continue;
                if (observed.Find(c.Name) is { State: ContainerState.ContainerRunning } running && ContainerResize.Decide(_allocated, c.Container, running.Id, then) is { } resize) resizes.Add(resize);
                else _actual.Remove(c.Name);
            }
            resizes.Sort((a, b) => b.IsShrinking.CompareTo(a.IsShrinking));
            return resizes;
        }
    }

    /// <summary>The container runs with what is allocated now.</summary>
    public void IsInForce(string container)
    {
        lock (_gate) _actual.Remove(container);
    }

    /// <summary>Limits under which both the older and the new resources of the containers fit.</summary>
    public PodCgroupLimits Limits
    {
        get
        {
            lock (_gate)
            {
                var limits = PodCgroupLimits.Of(_allocated);
                foreach (var older in _actual.Values.Distinct(ReferenceEqualityComparer.Instance).Cast<V1Pod>()) limits = limits.Max(PodCgroupLimits.Of(older));
                return _before is null ? limits : limits.Max(PodCgroupLimits.Of(_before));
            }
        }
    }

    /// <summary>Whether the pod's own memory limit becomes less, and from when on it would be too little; null: it does not.</summary>
    public long? LoweredMemoryLimit
    {
        get
        {
            lock (_gate)
            {
                if (_before is null) return null;
                var (from, to) = (PodCgroupLimits.Of(_before).MemoryBytes, PodCgroupLimits.Of(_allocated).MemoryBytes);
                return to > 0 && (from == 0 || to < from) ? to : null;
            }
        }
    }

    /// <summary>It could not be done. True: that is news.</summary>
    public bool Fail(string message, DateTime now)
    {
        lock (_gate)
        {
            var isNews = _inProgress?.Reason != "Error" || _inProgress.Message != message;
            if (isNews) _inProgress = Condition(InProgressType, "Error", message, _inProgress?.ObservedGeneration ?? _allocated.Metadata.Generation, now);
            return isNews;
        }
    }

    /// <summary>Everything runs with what is allocated. Returns the generation that is reached; null: no resize was under way.</summary>
    public long? Complete()
    {
        lock (_gate)
        {
            _before = null;
            var reached = _inProgress?.ObservedGeneration;
            var wasUnderWay = _inProgress is not null;
            _inProgress = null;
            return wasUnderWay ? reached ?? 0 : null;
        }
    }

    /// <summary>The generation of the pod that is being brought about.</summary>
    public long Generation
    {
        get
        {
            lock (_gate) return _inProgress?.ObservedGeneration ?? _allocated.Metadata.Generation ?? 0;
        }
    }

    public bool IsUnderWay
    {
        get
        {
            lock (_gate) return _before is not null || _inProgress is not null;
        }
    }

    /// <summary>Tells in the status what is pending, and what containers run with until it is done.</summary>
    public void AddTo(V1PodStatus status)
    {
        lock (_gate)
        {
            PodResourcesStatus.AddTo(status, _allocated, _before ?? _allocated);
            if (_pending is not null) status.Conditions.Add(_pending with { });
            if (_inProgress is not null) status.Conditions.Add(_inProgress with { });
            if (_actual.Count == 0) return;
            foreach (var shown in status.ContainerStatuses.Concat(status.InitContainerStatuses ?? []))
                if (shown.State?.Running is not null && _actual.TryGetValue(shown.Name, out var then)) shown.Resources = then.Spec.FindContainer(shown.Name)?.Container.Resources;
        }
    }

    private static V1PodCondition Condition(string type, string? reason, string? message, long? generation, DateTime now) => new()
    {
        Type = type,
        Status = "True",
        Reason = reason,
        Message = message,
        ObservedGeneration = generation,
        LastProbeTime = now,
        LastTransitionTime = now,
    };
}
