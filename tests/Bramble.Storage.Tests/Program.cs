using Bramble.Storage.Tests;

// As the executable does at its start.
SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_sqlite3());

if (Environment.GetEnvironmentVariable(CrashTests.ChildVariable) is { } path)
{
    CrashTests.WriteUntilKilled(path);
    return 0;
}
return args.Any(arg => arg is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
