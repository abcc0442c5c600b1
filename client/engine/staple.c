/* SPDX-License-Identifier: ISC */
#include "client/engine/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "common/banned.h"

#define CLOCK_DIFFERENCE_S 300 /* between this machine and the authority */

/* The certificate that signed the server's; NULL where the chain is not known. */
static X509 *
issuer_of(const STACK_OF(X509) * chain)
{
	return chain != NULL && sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : NULL;
}

static const char *
single_fault(OCSP_BASICRESP *basic, const X509 *certificate, const X509 *issuer)
{
	ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL, *next_update = NULL;
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, certificate, issuer);
	const char *fault = NULL;
	int status = V_OCSP_CERTSTATUS_UNKNOWN, reason = 0;

	if (id == NULL ||
	    OCSP_resp_find_status(basic, id, &status, &reason, &revoked_at, &this_update, &next_update) != 1)
		fault = "the stapled answer is about another certificate";
	else if (OCSP_check_validity(this_update, next_update, CLOCK_DIFFERENCE_S, -1) != 1)
		fault = "the stapled answer is not of now";
	else if (status == V_OCSP_CERTSTATUS_REVOKED)
		fault = "its authority has revoked it";
	else if (status != V_OCSP_CERTSTATUS_GOOD)
		fault = "its authority does not know it";
	OCSP_CERTID_free(id);
	return fault;
}

static const char *
response_fault(SSL *tls, OCSP_RESPONSE *response)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(tls);
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(tls));
	X509 *issuer = issuer_of(chain);
	OCSP_BASICRESP *basic = NULL;
	const char *fault;

	if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return "its authority gave no answer about it";
	if (issuer == NULL)
		return "its authority is not known, so the stapled answer proves nothing";
	basic = OCSP_response_get1_basic(response);
	if (basic == NULL)
		return "the stapled answer makes no sense";
	if (OCSP_basic_verify(basic, chain, store, 0) != 1)
		fault = "the stapled answer is not signed by its authority";
	else
		fault = single_fault(basic, sk_X509_value(chain, 0), issuer);
	OCSP_BASICRESP_free(basic);
	return fault;
}

const char *
staple_fault(SSL *tls)
{
	const unsigned char *bytes = NULL;
	long len = SSL_get_tlsext_status_ocsp_resp(tls, &bytes);
	OCSP_RESPONSE *response = bytes == NULL || len <= 0 ? NULL : d2i_OCSP_RESPONSE(NULL, &bytes, len);
	const char *fault;

	if (len <= 0)
		fault = "the server staples no answer of its authority";
	else if (response == NULL)
		fault = "the stapled answer makes no sense";
	else
		fault = response_fault(tls, response);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return fault;
}
