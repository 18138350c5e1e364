/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the kernel's UDP sockets of the control channel. */
#include "platform/linux/kernel_socket.h"

#include <arpa/inet.h>
#include <string.h>

#include "firmware/base/err.h"
#include "platform/linux/log.h"

static struct sockaddr_in to_sockaddr(uint32_t addr, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(addr)}};
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct hm_kernel_socket *sock = handle->data;

    (void)suggested;
    *buffer = uv_buf_init(sock->buffer, sizeof(sock->buffer));
}

static void on_receive(uv_udp_t *udp, ssize_t len, const uv_buf_t *buffer, const struct sockaddr *from,
                       unsigned flags)
{
    struct hm_kernel_socket *sock = udp->data;
    struct sockaddr_in sender;

    if (len <= 0 || from == NULL || from->sa_family != AF_INET || (flags & UV_UDP_PARTIAL) != 0)
        return;
    memcpy(&sender, from, sizeof(sender));
    sock->on_datagram(sock->ctx,
                      &(struct hm_endpoint){.addr = ntohl(sender.sin_addr.s_addr),
                                            .port = ntohs(sender.sin_port),
                                            .socket = sock->number},
                      buffer->base, (size_t)len);
}

int hm_kernel_socket_open(struct hm_kernel_socket *sock, uv_loop_t *loop, unsigned number,
                          const struct hm_kernel_address *address)
{
    struct sockaddr_in name = to_sockaddr(address->addr, address->port);
    char text[HM_IP_TEXT_LEN];
    int err;

    uv_udp_init(loop, &sock->udp);
    sock->is_open = true;
    sock->udp.data = sock;
    sock->number = number;
    err = uv_udp_bind(&sock->udp, (const struct sockaddr *)&name, 0);
    if (err == 0)
        err = uv_udp_recv_start(&sock->udp, on_alloc, on_receive);
    if (err == 0)
        return 0;
    hm_log_printf(HM_LOG_ERROR, "kernel_address %s:%u: cannot be opened: %s%s",
                  hm_ip_text(address->addr, text), (unsigned)address->port, uv_strerror(err),
                  err == UV_EADDRNOTAVAIL ? " (this machine has no such address: see \"ip address\")" : "");
    return HM_ERR_PLATFORM;
}

void hm_kernel_socket_send(struct hm_kernel_socket *sock, const struct hm_endpoint *to, const void *bytes,
                           size_t len)
{
    struct sockaddr_in name = to_sockaddr(to->addr, to->port);
    uv_buf_t buffer = {.base = (char *)(uintptr_t)bytes, .len = len};

    if (uv_udp_try_send(&sock->udp, &buffer, 1, (const struct sockaddr *)&name) < 0)
        return; /* as lost as on the way */
}

void hm_kernel_socket_close(struct hm_kernel_socket *sock)
{
    if (sock->is_open)
        uv_close((uv_handle_t *)&sock->udp, NULL);
    sock->is_open = false;
}
