package eventstore_test

const childEnv = "STREAMFLOW_TEST_CHILD"

func runChild() {}
