package natstest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

func TestEmbeddedServer(t *testing.T) {
	conn := natstest.Connect(t, natstest.Start(t))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AccountInfo(t.Context()); err != nil {
		t.Errorf("no JetStream: %v", err)
	}
}

// publish stores n messages, each exactly once, through whatever happens to the cluster meanwhile.
func publish(t *testing.T, js jetstream.JetStream, from, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := from; i < from+n; i++ {
		for {
			try, done := context.WithTimeout(ctx, 500*time.Millisecond)
			_, err := js.Publish(try, "s.a", []byte("x"), jetstream.WithMsgID(fmt.Sprint(i)))
			done()
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func TestClusterSurvivesStepDownStopAndStart(t *testing.T) {
	c := natstest.StartCluster(t, 3)
	if len(c.URLs()) != 3 || c.Size() != 3 {
		t.Fatalf("URLs %v", c.URLs())
	}
	js, err := jetstream.New(c.Connect())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, js, 0, 50)

	before := c.StepDown("S")
	publish(t, js, 50, 50)
	if c.Leader("S") == before {
		t.Error("the same member is leader after StepDown")
	}

	stopped := c.Leader("S")
	c.Stop(stopped)
	publish(t, js, 100, 50)
	if c.Leader("S") == stopped {
		t.Error("a stopped member is leader")
	}
	c.Start(stopped)
	c.WaitCurrent("S")

	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 150 || info.State.LastSeq != 150 {
		t.Errorf("%d messages, last sequence %d; want 150 of each", info.State.Msgs, info.State.LastSeq)
	}
	for _, replica := range info.Cluster.Replicas {
		if replica.Offline {
			t.Errorf("%s is offline after its restart", replica.Name)
		}
	}
}
