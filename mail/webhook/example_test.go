package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/webhook"
)

// A receiver of one's own checks the signature, and answers 2xx when it has taken
// responsibility.
func ExampleVerify() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || !webhook.Verify("k3y", body, r.Header.Get(webhook.SignatureHeader)) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Println("took", r.Header.Get("Idempotency-Key"))
	}))
	defer receiver.Close()

	m := mail.Message{ID: "1f3k.7.1@web1", To: []string{"ops@example.com"}, Subject: "poller Alert: disk full", Body: "disk full\n"}
	ctx := context.Background()
	fmt.Println(webhook.To("webhook+"+receiver.URL+"#secret=k3y").Send(ctx, m))
	err := webhook.To("webhook+"+receiver.URL+"#secret=wrong").Send(ctx, m)
	fmt.Println(mail.Temporary(err))
	// Output:
	// took 1f3k.7.1@web1
	// <nil>
	// false
}
