using Bramble.IntegrationTests.Support;

// One server with its node serves every test that only needs one; each test has a namespace of its own. Two cores carry one test at a time.
[assembly: AssemblyFixture(typeof(SharedCluster))]
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
