namespace Bramble.Kubectl;

/// <summary>A command ends with one line on standard error and an exit code.</summary>
internal sealed class CommandFailure(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The words behind the command's name are wrong: names the way to its help, as kubectl does.</summary>
    public static CommandFailure Usage(string command, string message) => new($"error: {message}\nSee 'kubectl {command} -h' for help and examples");
}
