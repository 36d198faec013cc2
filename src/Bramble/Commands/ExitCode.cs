namespace Bramble.Commands;

/// <summary>How the program ends. Scripts read these.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;

    /// <summary>The command line, the environment or the config file is wrong.</summary>
    public const int Usage = 2;
}
