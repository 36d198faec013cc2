namespace Bramble.Controllers.StatefulSets;

/// <summary>Which steps of a StatefulSet may be done side by side. Pure.</summary>
internal static class StatefulStages
{
    /// <returns>Stages one after the other, each of rows that may be done side by side. In order nothing may: all is one row. In parallel the replicas may, then the
    /// claims of those that are too many, then these; each Pod's steps stay a row, and the update comes last.</returns>
    public static List<List<List<StatefulAction>>> Of(List<StatefulAction> actions, bool isParallel)
    {
        if (!isParallel) return [[actions]];
        var stages = new List<List<List<StatefulAction>>>();
        StatefulAction? before = null;
        foreach (var action in actions)
        {
            if (before is null || Begins(before, action)) stages.Add([]);
            // A Pending one's claims come before all else of it.
            if (before is StatefulAction.RestoreClaims && action is StatefulAction.Mend) stages[^1][^1].Add(action);
            else stages[^1].Add([action]);
            before = action;
        }
        return stages;
    }

    private static bool Begins(StatefulAction before, StatefulAction action) => action switch
    {
        StatefulAction.MendClaims => before is not StatefulAction.MendClaims,
        StatefulAction.Delete { IsForUpdate: true } => true,
        StatefulAction.Delete => before is StatefulAction.MendClaims,
        _ => false,
    };
}
