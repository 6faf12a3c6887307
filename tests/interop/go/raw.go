// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// listenRaw serves WebTransport without libp2p at /echo: streams of both kinds and datagrams come
// back, and the end of a session is said on standard output. It ends with standard input.
func listenRaw() {
	config := selfSignedTLS()
	digest := sha256.Sum256(config.Certificates[0].Certificate[0])
	hash := base64.RawURLEncoding.EncodeToString(append([]byte{0x12, 0x20}, digest[:]...))
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	routes := http.NewServeMux()
	server := &webtransport.Server{H3: &http3.Server{TLSConfig: http3.ConfigureTLSConfig(config), Handler: routes}}
	routes.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		if session, err := server.Upgrade(w, r); err == nil {
			echoSession(session)
		}
	})
	go func() { must(server.Serve(socket)) }()
	port := socket.LocalAddr().(*net.UDPAddr).Port
	fmt.Printf("/ip4/127.0.0.1/udp/%d/quic-v1/webtransport/certhash/u%s\nready\n", port, hash)
	io.Copy(io.Discard, os.Stdin)
}

func echoSession(session *webtransport.Session) {
	ctx := context.Background()
	go func() {
		for {
			datagram, err := session.ReceiveDatagram(ctx)
			if err != nil {
				return
			}
			session.SendDatagram(datagram)
		}
	}()
	go func() {
		for {
			stream, err := session.AcceptUniStream(ctx)
			if err != nil {
				return
			}
			go echoOneWay(session, stream)
		}
	}()
	for {
		stream, err := session.AcceptStream(ctx)
		if err != nil {
			fmt.Printf("raw session closed: %v\n", err)
			return
		}
		go func() {
			io.Copy(stream, stream)
			stream.Close()
		}()
	}
}

func echoOneWay(session *webtransport.Session, stream *webtransport.ReceiveStream) {
	text, err := io.ReadAll(stream)
	if err != nil {
		return
	}
	if back, err := session.OpenUniStream(); err == nil {
		io.Copy(back, bytes.NewReader(text))
		back.Close()
	}
}
