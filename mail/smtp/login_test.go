package smtp_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/smtp"
)

const secret = "s3cr3t-w0rd"

func TestLogin(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		for _, encryption := range []mailtest.Encryption{
			mailtest.PlainText, mailtest.StartTLS, mailtest.ImplicitTLS,
		} {
			t.Run(fmt.Sprint(mechanism, encryption), func(t *testing.T) {
				server := mailtest.Serve(t, mailtest.Config{
					Encryption: encryption, User: "poller", Password: secret, Mechanisms: []string{mechanism},
				})
				relay := smtp.Server(server.URL())
				relay.RootCAs = server.RootCAs()
				if err := relay.Send(bounded(t), alert); err != nil {
					t.Errorf("Send = %v", err)
				}
				if len(server.Received()) != 1 {
					t.Error("nothing arrived")
				}
			})
		}
	}
}

func TestLoginRefused(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{User: "poller", Password: "another"})
	plain := base64.StdEncoding.EncodeToString([]byte("\x00poller\x00" + secret))
	server.Behave(mailtest.Behaviour{Text: "no: " + secret + " " + plain})
	err := smtp.Server(strings.Replace(server.URL(), "another", secret, 1)).Send(bounded(t), alert)
	if err == nil || mail.Temporary(err) || !strings.Contains(err.Error(), "535") {
		t.Errorf("Send = %v, want a lasting error", err)
	}
	if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), plain) {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestLoginOfAnUnknownKind(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{User: "poller", Password: secret, Mechanisms: []string{"GSSAPI"}})
	err := smtp.Server(server.URL()).Send(bounded(t), alert)
	if err == nil || mail.Temporary(err) || !strings.Contains(err.Error(), "GSSAPI") {
		t.Errorf("Send = %v", err)
	}
}

// away lets a relay believe that a loopback server is another machine.
func away(server *mailtest.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Address())
	}
}

// A password is worth more than an alert: without a trusted certificate it
// stays here.
func TestPasswordNeverLeavesUnprotected(t *testing.T) {
	for _, c := range []struct {
		name       string
		encryption mailtest.Encryption
		want       string
	}{
		{"no encryption offered", mailtest.PlainText, "password is not sent"},
		{"an unknown certificate", mailtest.StartTLS, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := mailtest.Serve(t, mailtest.Config{Encryption: c.encryption, User: "poller", Password: secret})
			relay := smtp.Server("smtp://poller:" + secret + "@mail.example.com?tls=opportunistic")
			relay.Dial = away(server)
			err := relay.Send(bounded(t), alert)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("Send = %v", err)
			}
		})
	}
}

// Without a password there is nothing to lose by an unknown certificate, and
// an alert to win; where encryption is required, there is.
func TestUnknownCertificate(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{Encryption: mailtest.StartTLS})
	if err := smtp.Server(server.URL()).Send(bounded(t), alert); err != nil {
		t.Errorf("opportunistic: Send = %v", err)
	}
	err := smtp.Server(server.URL()+"?tls=required").Send(bounded(t), alert)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("required: Send = %v", err)
	}

	implicit := mailtest.Serve(t, mailtest.Config{Encryption: mailtest.ImplicitTLS})
	err = smtp.Server(implicit.URL()).Send(bounded(t), alert)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("implicit: Send = %v", err)
	}
}

func TestRequiredEncryptionIsNotOffered(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	err := smtp.Server(server.URL()+"?tls=required").Send(bounded(t), alert)
	if err == nil || !strings.Contains(err.Error(), "STARTTLS") || len(server.Received()) > 0 {
		t.Errorf("Send = %v", err)
	}
}

// To another machine encryption is required, unless the URL says otherwise.
func TestEncryptionIsRequiredToAnotherMachine(t *testing.T) {
	plain := mailtest.Serve(t, mailtest.Config{})
	for url, want := range map[string]string{
		"smtp://mail.example.com":                   "the server does not offer STARTTLS; use smtps:// or tls=opportunistic",
		"smtp://mail.example.com?tls=required":      "the server does not offer STARTTLS",
		"smtp://mail.example.com?tls=opportunistic": "",
		"smtp://mail.example.com?tls=none":          "",
		"smtp://127.0.0.1":                          "",
		"smtp://localhost":                          "",
	} {
		relay := smtp.Server(url)
		relay.Dial = away(plain)
		if err := relay.Send(bounded(t), alert); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Send = %v, want %q", url, err, want)
		}
	}
}

func TestNoEncryptionWanted(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{Encryption: mailtest.StartTLS})
	if err := smtp.Server(server.URL()+"?tls=none").Send(bounded(t), alert); err != nil {
		t.Errorf("Send = %v", err)
	}
}
